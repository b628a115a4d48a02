from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from distill_core.datasets import DATASETS
from distill_core.errors import DataError
from tests.distill_core.datasets.reading import in_memory

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


def write(folder: Path, images: bytes | None = None, *, zipped: bool = False) -> None:
    folder.mkdir(parents=True)
    files = {
        "train-images-idx3-ubyte": images or struct.pack(">4I", 0x803, 5, 28, 28) + IMAGES.tobytes(),
        "train-labels-idx1-ubyte": struct.pack(">2I", 0x801, 5) + LABELS.tobytes(),
    }
    for name, content in files.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@pytest.mark.parametrize("zipped", [False, True])
def test_files_are_read_from_the_folders_that_torchvision_uses(tmp_path: Path, zipped: bool) -> None:
    write(tmp_path / "KMNIST/raw", zipped=zipped)
    pixels, labels = in_memory(DATASETS.create("kmnist", {}).read("train", tmp_path))
    assert pixels.equal(torch.from_numpy(IMAGES).unsqueeze(1))
    assert labels.tolist() == LABELS.tolist()


def test_a_missing_set_names_the_folder_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"MNIST is not in {tmp_path}/MNIST/raw: put its IDX files .* download: true"):
        DATASETS.create("mnist", {}).load("train", tmp_path)


def test_a_set_of_another_length_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "MNIST/raw")
    with pytest.raises(DataError, match="has 5 samples, expected 60000"):
        DATASETS.create("mnist", {}).load("train", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"short",
        b"\x00" * 100,
        struct.pack(">4I", 0x803, 5, 28, 28) + b"too little",
        struct.pack(">4I", 0x803, 2**31, 2**15, 2**15),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "MNIST/raw", content)
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        DATASETS.create("mnist", {}).read("train", tmp_path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "MNIST/raw", zipped=True)
    path = tmp_path / "MNIST/raw/train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="cannot be read"):
        DATASETS.create("mnist", {}).read("train", tmp_path)


def test_a_link_out_of_the_data_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/raw")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/MNIST").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="outside of"):
        DATASETS.create("mnist", {}).read("train", tmp_path / "root")
