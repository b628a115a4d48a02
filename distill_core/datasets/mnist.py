"""The MNIST family: grey images of 28x28 pixels in IDX files, in the folders that torchvision uses.

The IDX format (from the MNIST page): two zero bytes, a type byte (8: unsigned byte), the number of dimensions, each
dimension as a big-endian 32-bit number, then the data. Files may be gzipped. Read here in a few lines, since importing
torchvision takes seconds; torchvision does the downloads.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from distill_core.dataset import Dataset, Facts, Samples
from distill_core.datasets import DATASETS
from distill_core.errors import DataError
from distill_core.files import resolve_below
from distill_core.spec.config import Config

PREFIXES = {"train": "train", "test": "t10k"}


class MnistParams(Config):
    """Options of the MNIST family."""

    download: bool = Field(default=False, description="Download the files into the data folder when they are missing.")


class MnistFamily(Dataset):
    """Grey images of 28x28 pixels: 60,000 for training and 10,000 for the test.

    Attributes:
        torchvision_name: torchvision's class, and the folder that it uses.
        system_folders: further folders to look in.
    """

    Params = MnistParams
    torchvision_name: ClassVar[str]
    system_folders: ClassVar[tuple[Path, ...]] = ()

    def __init__(self, params: MnistParams) -> None:
        super().__init__(params)
        self.download = params.download

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        """Return a split from ROOT/<torchvision's folder>/raw, or from a folder of the system."""
        if self.download and self._find_files(split, root) is None:
            self._download(root)
        files = self._find_files(split, root)
        if files is None:
            raise DataError(self._describe_missing(root))
        pixels = _read_idx(files[0], 3, 784 * 60_000)
        labels = _read_idx(files[1], 1, 60_000)
        return Samples(pixels.unsqueeze(1), labels.to(torch.int64))

    def _find_files(self, split: str, root: Path) -> tuple[Path, Path] | None:
        """Return the files of images and labels, from the first folder that has both."""
        prefix = PREFIXES[split]
        for folder in (resolve_below(root, f"{self.torchvision_name}/raw", DataError), *self.system_folders):
            images = _find_file(folder, f"{prefix}-images-idx3-ubyte")
            labels = _find_file(folder, f"{prefix}-labels-idx1-ubyte")
            if images and labels:
                return images, labels
        return None

    def _describe_missing(self, root: Path) -> str:
        places = " and ".join(str(path) for path in (root / self.torchvision_name / "raw", *self.system_folders))
        return (
            f"{self.torchvision_name} is not in {places}: put its IDX files (train-images-idx3-ubyte ..., also with "
            ".gz) there, or set the option download: true where there is a network"
        )

    def _download(self, root: Path) -> None:
        from torchvision import datasets  # noqa: PLC0415  takes seconds, and only downloads need it

        try:
            getattr(datasets, self.torchvision_name)(str(root), download=True)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{self.torchvision_name} could not be downloaded into {root}: {error}") from error


@DATASETS.register("mnist")
class Mnist(MnistFamily):
    """MNIST: handwritten digits, 28x28 grey, 10 classes (LeCun, Cortes, Burges 1998)."""

    torchvision_name = "MNIST"
    facts: ClassVar = Facts(10, (1, 28, 28), {"train": 60_000, "test": 10_000}, (0.1307,), (0.3081,))


@DATASETS.register("fashion_mnist")
class FashionMnist(MnistFamily):
    """Fashion-MNIST: articles of clothing, 28x28 grey, 10 classes (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747)."""

    torchvision_name = "FashionMNIST"
    system_folders = (Path("/usr/share/datasets/fashion-mnist"),)  # Debian's package dataset-fashion-mnist
    facts: ClassVar = Facts(
        num_classes=10,
        image_shape=(1, 28, 28),
        splits={"train": 60_000, "test": 10_000},
        mean=(0.2860,),
        std=(0.3530,),
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    )


@DATASETS.register("kmnist")
class Kmnist(MnistFamily):
    """Kuzushiji-MNIST: cursive Japanese characters, 28x28 grey, 10 classes (Clanuwat et al. 2018, arXiv 1812.01718)."""

    torchvision_name = "KMNIST"
    facts: ClassVar = Facts(10, (1, 28, 28), {"train": 60_000, "test": 10_000}, (0.1918,), (0.3483,))


def _find_file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read_idx(path: Path, num_dims: int, most_bytes: int) -> Tensor:
    """Return the array of an IDX file; reads no more than `most_bytes` of data, whatever the file claims."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * num_dims)
            magic, *shape = struct.unpack(f">{1 + num_dims}I", header)
            if magic != 0x800 + num_dims or math.prod(shape) > most_bytes:
                raise DataError(f"{path} is not an IDX file of {num_dims} dimensions and at most {most_bytes} bytes")
            data = file.read(math.prod(shape))
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if len(data) != math.prod(shape):
        raise DataError(f"{path} ends too early: {len(data)} of {math.prod(shape)} bytes")
    return torch.from_numpy(np.frombuffer(data, np.uint8).reshape(shape).copy())
