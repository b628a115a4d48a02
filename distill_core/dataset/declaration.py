"""What a data set of the registry is: facts known before it is opened, and a split that can be read.

Shapes: N data-set size, C channels, H height, W width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from distill_core.dataset.samples import Samples, Source
from distill_core.errors import DataError
from distill_core.spec.config import Config

__all__ = ["Dataset", "Facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a data set before it is opened.

    Attributes:
        num_classes: classes that its labels tell apart; None where the option `num_classes` says it, or there are none.
        image_shape: [C H W], with None for sides that are not known and for channels that the option `channels` says;
            None if the samples are no images.
        splits: name of each split -> number of samples; None where only the files know.
        mean: mean of each channel over the train split, of pixels in [0, 1]; None if not known.
        std: standard deviation of each channel over the train split.
        class_names: what people call the classes; None where they are numbers, or only the files know.
    """

    num_classes: int | None
    image_shape: tuple[int | None, int | None, int | None] | None
    splits: Mapping[str, int] | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    class_names: tuple[str, ...] | None = None


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
    def read(self, split: str, root: Path, scratch: Path | None = None) -> Source:
        """Return a split, read from files below `root`; what is slow to find out may be remembered in `scratch`."""

    def load(self, split: str, root: Path, scratch: Path | None = None) -> Source:
        """Return a split that is what the facts say.

        Raises:
            DataError: the files are missing, unreadable, or hold something else.
        """
        source = self.read(split, root, scratch)
        facts = self.known_facts()
        if facts.splits is not None and len(source) != facts.splits[split]:
            raise DataError(f"the split {split!r} has {len(source)} samples, expected {facts.splits[split]}")
        _check_shape(split, source, facts)
        _check_labels(split, source, facts)
        return source

    def name_classes(self) -> tuple[str, ...] | None:
        """Return the names of the classes once a split is read, None where they have none."""
        return self.facts.class_names

    def known_facts(self) -> Facts:
        """Return the facts with what the options say."""
        options = self.params.as_document()
        facts = self.facts
        if facts.num_classes is None:
            facts = replace(facts, num_classes=options.get("num_classes"))
        if facts.image_shape is not None and facts.image_shape[0] is None:
            facts = replace(facts, image_shape=(options["channels"], *facts.image_shape[1:]))
        return facts


def _check_shape(split: str, source: Source, facts: Facts) -> None:
    found, expected = source.shape, facts.image_shape
    if (found is None) != (expected is None):
        raise DataError(f"the split {split!r} holds {'no ' if found is None else ''}images; its facts say otherwise")
    if isinstance(source, Samples) and found is not None:
        images = [source.inputs] if isinstance(source.inputs, Tensor) else source.inputs
        if any(isinstance(image, Tensor) and image.dtype != torch.uint8 for image in images):
            raise DataError(f"the split {split!r} has images of another type than uint8")
    for wanted, got in zip(expected or (), found or (), strict=True):
        if wanted is not None and wanted != got:
            raise DataError(f"the split {split!r} has images {found}, expected {expected} (C, H, W)")


def _check_labels(split: str, source: Source, facts: Facts) -> None:
    labels = source.targets
    if labels is None:
        return
    if len(labels) != len(source):
        raise DataError(f"the split {split!r} has {len(source)} samples and {len(labels)} labels")
    if isinstance(labels, Tensor) and not 0 <= int(labels.min()) <= int(labels.max()) < (facts.num_classes or 0):
        raise DataError(f"the split {split!r} has labels that do not fit {facts.num_classes} classes")
