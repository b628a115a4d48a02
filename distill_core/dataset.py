"""What a data set of the registry is: facts known before it is opened, and images read into memory.

Shapes: N data-set size, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from distill_core.errors import DataError
from distill_core.spec.config import Config

__all__ = ["Dataset", "Facts", "Images"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a data set before it is opened.

    Attributes:
        num_classes: classes that its labels tell apart.
        image_shape: [C H W].
        splits: name of each split -> number of samples.
        mean: mean of each channel over the train split, of pixels in [0, 1].
        std: standard deviation of each channel over the train split.
    """

    num_classes: int
    image_shape: tuple[int, int, int]
    splits: Mapping[str, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Images:
    """A split in memory: pixels [N C H W] uint8 and labels [N] int64."""

    pixels: Tensor
    labels: Tensor

    def fingerprint(self) -> str:
        """Return the sha256 of shape, pixels and labels: equal for equal data, wherever it was read from."""
        digest = hashlib.sha256(repr(tuple(self.pixels.shape)).encode())
        digest.update(self.pixels.contiguous().numpy().data)
        digest.update(self.labels.contiguous().numpy().data)
        return digest.hexdigest()


class Dataset(ABC):
    """A data set of the registry.

    Attributes:
        Params: the options it takes.
        facts: what is known of it before it is opened.
    """

    Params: ClassVar[type[Config]]
    facts: ClassVar[Facts]

    def __init__(self, params: Config) -> None:
        self.params = params

    @abstractmethod
    def read(self, split: str, root: Path) -> Images:
        """Return a split, read from files below `root`."""

    def load(self, split: str, root: Path) -> Images:
        """Return a split that is what the facts say.

        Raises:
            DataError: the files are missing, unreadable, or hold something else.
        """
        images = self.read(split, root)
        expected = (self.facts.splits[split], *self.facts.image_shape)
        found = tuple(images.pixels.shape)
        if found != expected or images.pixels.dtype != torch.uint8:
            raise DataError(f"the split {split!r} has images {found}, expected {expected} (samples, C, H, W)")
        if (
            len(images.labels) != len(images.pixels)
            or not 0 <= int(images.labels.min()) <= int(images.labels.max()) < self.facts.num_classes
        ):
            raise DataError(f"the split {split!r} has labels that do not fit {self.facts.num_classes} classes")
        return images
