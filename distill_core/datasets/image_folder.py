"""Your own images in ROOT/<folder>/<split>/<class>/*.jpg, as torchvision and the ImageNet scripts have them.

Classes are the folders of a split in alphabetical order. Images are read where they lie, by Pillow; an orientation in
EXIF is not applied. Opening reads every file once, since the fingerprint is of the contents: about as long as an epoch
without decoding. A scratch folder remembers the result for files whose size and time of change are the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field

from distill_core.dataset import Dataset, Facts, ImageFiles, Targets
from distill_core.datasets import DATASETS
from distill_core.errors import DataError
from distill_core.files import resolve_below
from distill_core.spec.config import Config

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


class ImageFolderParams(Config):
    """Options of a folder of images."""

    folder: str = Field(
        default=".",
        min_length=1,
        max_length=512,
        description="Folder below the data folder, or in the uploaded archive, without '..'; the whole if left out.",
    )
    num_classes: int = Field(ge=1, le=1_000_000, description="Classes: the number of folders in every split.")
    channels: Literal[1, 3] = Field(default=3, description="1 reads the images as grey, 3 as red, green and blue.")
    unlabelled: bool = Field(
        default=False, description="Whether the images lie right in the split's folder, or below it, without classes."
    )


@DATASETS.register("image_folder")
class ImageFolder(Dataset):
    """Your own images in folders: one a split, in it one a class; JPEG, PNG, WebP or BMP of any sizes."""

    Params = ImageFolderParams
    facts: ClassVar = Facts(num_classes=None, image_shape=(None, None, None), splits=None, mean=None, std=None)

    def __init__(self, params: ImageFolderParams) -> None:
        super().__init__(params)
        self.options = params
        self._classes: tuple[str, ...] | None = None

    def read(self, split: str, root: Path, scratch: Path | None = None) -> ImageFiles:
        """Return a split from ROOT/<folder>/<split>."""
        top = resolve_below(root, f"{self.options.folder}/{split}", DataError)
        if not top.is_dir():
            raise DataError(_describe_missing(top))
        names, targets = self._list(top, root)
        if not names:
            raise DataError(f"{top} holds no image ({', '.join(SUFFIXES)})")
        return ImageFiles(top, names, targets, self.options.channels, scratch)

    def name_classes(self) -> tuple[str, ...] | None:
        """Return the names of the folders."""
        return self._classes

    def _list(self, top: Path, root: Path) -> tuple[list[str], Targets]:
        """Return the images of a split, in order, and their classes."""
        if self.options.unlabelled:
            return [str(path.relative_to(top)) for path in _walk(top, root)], None
        classes = sorted(entry.name for entry in os.scandir(top) if entry.is_dir() and entry.name[0] != ".")
        if len(classes) != self.options.num_classes:
            raise DataError(
                f"{top} has {len(classes)} folders, and the option num_classes says {self.options.num_classes}; a "
                "folder is a class. For images without classes set the option unlabelled: true"
            )
        self._classes = tuple(classes)
        names: list[str] = []
        labels: list[int] = []
        for label, name in enumerate(classes):
            found = [f"{name}/{path.name}" for path in _images_in(_below(top / name, root), root)]
            if not found:
                raise DataError(f"the class {top / name} holds no image ({', '.join(SUFFIXES)})")
            names += found
            labels += [label] * len(found)
        return names, torch.tensor(labels)


def _images_in(folder: Path, root: Path) -> Iterator[Path]:
    """Yield the images that lie right in a folder, by name; other files are left alone."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name[0] != "." and entry.name.lower().endswith(SUFFIXES) and entry.is_file():
            if entry.is_symlink():
                _below(Path(entry.path), root)
            yield Path(entry.path)


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    """Yield the images in and below a folder; links to folders are not followed, since they may run in circles."""
    yield from _images_in(folder, root)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False) and entry.name[0] != ".":
            yield from _walk(Path(entry.path), root)


def _below(path: Path, root: Path) -> Path:
    return resolve_below(root, str(path.relative_to(root.resolve())), DataError)


def _describe_missing(top: Path) -> str:
    there = sorted(entry.name for entry in os.scandir(top.parent) if entry.is_dir()) if top.parent.is_dir() else []
    return f"{top} is not there: put the images of the split into it, a folder a class; splits that are there: {there}"
