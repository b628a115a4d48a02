"""CIFAR-10 and CIFAR-100 in their binary version: colour images of 32x32 pixels in records of fixed length.

Alex Krizhevsky: "Learning Multiple Layers of Features from Tiny Images", 2009. A record is its label (CIFAR-100: the
coarse label, then the fine one; the fine one counts), then 1,024 bytes each of red, green and blue. The Python version
of these sets is made of pickles, which can run code when they are opened, so it is not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from distill_core.dataset import Dataset, Facts, Samples
from distill_core.datasets import DATASETS
from distill_core.errors import DataError
from distill_core.files import resolve_below
from distill_core.spec.config import Config

IMAGE_BYTES = 3 * 32 * 32
MOST_RECORDS = 50_000
URL = "https://www.cs.toronto.edu/~kriz/"


class CifarParams(Config):
    """Options of the CIFAR data sets."""

    download: bool = Field(default=False, description="Download the files into the data folder when they are missing.")


class Cifar(Dataset):
    """Colour images of 32x32 pixels: 50,000 for training and 10,000 for the test.

    Attributes:
        folder: the folder that the archive unpacks to.
        python_folder: the folder of the Python version, which is not read.
        archive: the name of the archive at its home, and the MD5 that its home states.
        files: split -> files in it.
        label_bytes: bytes before the pixels of a record; the last of them is the label.
    """

    Params = CifarParams
    folder: ClassVar[str]
    python_folder: ClassVar[str]
    archive: ClassVar[tuple[str, str]]
    files: ClassVar[dict[str, tuple[str, ...]]]
    label_bytes: ClassVar[int]

    def __init__(self, params: CifarParams) -> None:
        super().__init__(params)
        self.download = params.download

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        """Return a split from ROOT/<folder of the binary version>."""
        paths = [resolve_below(root, f"{self.folder}/{name}", DataError) for name in self.files[split]]
        if self.download and not all(path.is_file() for path in paths):
            self._download(root)
        if not all(path.is_file() for path in paths):
            raise DataError(self._describe_missing(root))
        records = np.concatenate([self._read_records(path) for path in paths])
        pixels = torch.from_numpy(records[:, self.label_bytes :].reshape(-1, 3, 32, 32).copy())
        return Samples(pixels, torch.from_numpy(records[:, self.label_bytes - 1].astype(np.int64)))

    def _read_records(self, path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        length = self.label_bytes + IMAGE_BYTES
        size = path.stat().st_size
        if size % length or size > MOST_RECORDS * length:
            raise DataError(f"{path} has {size} bytes, which are no records of {length} bytes; is the file damaged?")
        return np.fromfile(path, np.uint8).reshape(-1, length)

    def _describe_missing(self, root: Path) -> str:
        name, md5 = self.archive
        message = (
            f"{root / self.folder} does not hold {', '.join(self.files['train'] + self.files['test'])}: unpack {name} "
            f"from {URL} (MD5 {md5}) into {root}, or set the option download: true where there is a network"
        )
        if (root / self.python_folder).exists():
            message += f"; {self.python_folder} is the Python version, made of pickles, which are never opened"
        return message

    def _download(self, root: Path) -> None:
        from torchvision.datasets.utils import download_and_extract_archive  # noqa: PLC0415  takes seconds

        name, md5 = self.archive
        try:
            download_and_extract_archive(URL + name, str(root), filename=name, md5=md5)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{name} could not be downloaded into {root}: {error}") from error


@DATASETS.register("cifar10")
class Cifar10(Cifar):
    """CIFAR-10: objects and animals, 32x32 colour, 10 classes (Krizhevsky 2009)."""

    folder = "cifar-10-batches-bin"
    python_folder = "cifar-10-batches-py"
    archive = ("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")
    files: ClassVar = {
        "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test": ("test_batch.bin",),
    }
    label_bytes = 1
    facts: ClassVar = Facts(
        num_classes=10,
        image_shape=(3, 32, 32),
        splits={"train": 50_000, "test": 10_000},
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    )


@DATASETS.register("cifar100")
class Cifar100(Cifar):
    """CIFAR-100: objects and animals, 32x32 colour, 100 classes (Krizhevsky 2009)."""

    folder = "cifar-100-binary"
    python_folder = "cifar-100-python"
    archive = ("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")
    files: ClassVar = {"train": ("train.bin",), "test": ("test.bin",)}
    label_bytes = 2
    facts: ClassVar = Facts(
        num_classes=100,
        image_shape=(3, 32, 32),
        splits={"train": 50_000, "test": 10_000},
        mean=(0.5071, 0.4867, 0.4408),
        std=(0.2675, 0.2565, 0.2761),
    )
