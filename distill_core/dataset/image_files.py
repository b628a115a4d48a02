"""Image files as a source: indexed once, decoded by Pillow when they are asked for.

Shapes: N files, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from distill_core.dataset.file_index import FileFacts, index_files
from distill_core.dataset.samples import Samples, Targets, take_targets
from distill_core.errors import DataError
from distill_core.spec.transform import Shape

__all__ = ["ImageFiles", "decode_image", "read_size"]

FORMATS = ("BMP", "JPEG", "PNG", "WEBP")
MAX_PIXELS = 2**26
"""An image of a few kilobytes may claim any size; 67 million pixels take 200 MB."""
MODES = {1: "L", 3: "RGB"}
NUM_THREADS = 8
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow raises of files that are none of what they claim."""


class ImageFiles:
    """Image files of a split.

    Attributes:
        targets: classes [N] int64, or None.
        shape: [C H W], None for sides in which the images differ.
        num_bytes: bytes of all images, decoded.
    """

    def __init__(
        self, folder: Path, names: Sequence[str], targets: Targets, channels: int, scratch: Path | None = None
    ) -> None:
        facts = index_files(folder, names, read_size, scratch)
        self.targets = targets
        self._folder = folder
        self._names = np.array([os.fsencode(name) for name in names])  # one block: workers share it, uncopied
        self._mode = MODES[channels]
        sizes = np.array([(each.height, each.width) for each in facts], dtype=np.int64)
        (height, width), (least_height, least_width) = sizes.max(0).tolist(), sizes.min(0).tolist()
        self.shape: Shape = (
            channels,
            height if height == least_height else None,
            width if width == least_width else None,
        )
        self.num_bytes = int(sizes.prod(1).sum()) * channels
        self._fingerprint = _digest(names, facts, channels)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self._names)

    def read(self, place: int) -> Tensor:
        """Return one image [C H W] uint8.

        Raises:
            DataError: the file cannot be decoded.
        """
        try:
            return decode_image(self._path(place), self._mode)
        except DataError as error:
            raise DataError(f"sample {place}: {error}") from error

    def describe(self, place: int) -> str:
        """Return words for a sample, with its file."""
        return f"sample {place}, {self._path(place)}"

    def gather(self, places: Tensor) -> Samples:
        """Return some images, in memory."""
        channels, height, width = self.shape
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            images = pool.map(self.read, places.tolist())
            if height is None or width is None:
                return Samples(list(images), take_targets(self.targets, places))
            pixels = torch.empty((len(places), channels, height, width), dtype=torch.uint8)
            for row, image in enumerate(images):
                pixels[row] = image
        return Samples(pixels, take_targets(self.targets, places))

    def fingerprint(self) -> str:
        """Return the sha256 of names, sizes and contents."""
        return self._fingerprint

    def _path(self, place: int) -> Path:
        return self._folder / os.fsdecode(self._names[place])


def decode_image(path: Path, mode: str) -> Tensor:
    """Return an image file as pixels [C H W] uint8.

    Raises:
        DataError: it is no image, is damaged, or is larger than is allowed.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_header(path, image)
            # A palette with transparency goes through RGBA: what is transparent keeps its colour, as in other files.
            whole = image.convert("RGBA") if image.mode == "P" else image
            pixels = np.array(whole.convert(mode))
    except _UNREADABLE as error:
        raise DataError(f"{path} cannot be decoded: {error}") from error
    return torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1).contiguous()


def read_size(path: Path) -> tuple[int, int]:
    """Return height and width as the header of an image file has them.

    Raises:
        DataError: it is no image, or is larger than is allowed.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_header(path, image)
            return image.height, image.width
    except _UNREADABLE as error:
        raise DataError(f"{path} cannot be decoded: {error}") from error


def _check_header(path: Path, image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"{path} has {image.width}x{image.height} pixels; at most {MAX_PIXELS} are allowed")
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{path} has more than 8 bits a value (mode {image.mode}); convert it to 8 bits")


def _digest(names: Sequence[str], facts: Sequence[FileFacts], channels: int) -> str:
    digest = hashlib.sha256(f"{channels} channels".encode())
    for name, each in zip(names, facts, strict=True):
        digest.update(f"{len(name)} {each.size} {each.sha256} ".encode() + os.fsencode(name))
    return digest.hexdigest()
