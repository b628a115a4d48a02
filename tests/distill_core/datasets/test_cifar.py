from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distill_core.datasets import DATASETS
from distill_core.errors import DataError
from tests.distill_core.datasets.reading import in_memory

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
LABELS = np.arange(10, dtype=np.uint8)


def write(root: Path) -> None:
    """Write ten records, two in each of the five training files of CIFAR-10, and as many in the one of CIFAR-100."""
    records = np.concatenate([LABELS[:, None], PIXELS.reshape(10, -1)], axis=1)
    (root / "cifar-10-batches-bin").mkdir()
    for number in range(5):
        path = root / f"cifar-10-batches-bin/data_batch_{number + 1}.bin"
        path.write_bytes(records[2 * number : 2 * number + 2].tobytes())
    (root / "cifar-100-binary").mkdir()
    coarse = np.full((10, 1), 99, np.uint8)
    (root / "cifar-100-binary/train.bin").write_bytes(np.concatenate([coarse, records], axis=1).tobytes())


@pytest.mark.parametrize("key", ["cifar10", "cifar100"])
def test_records_of_the_binary_version_are_read(tmp_path: Path, key: str) -> None:
    write(tmp_path)
    pixels, labels = in_memory(DATASETS.create(key, {}).read("train", tmp_path))
    assert pixels.equal(torch.from_numpy(PIXELS))
    assert labels.tolist() == list(range(10))


def test_a_missing_set_names_the_folder_and_what_to_put_there(tmp_path: Path) -> None:
    pattern = rf"{tmp_path}/cifar-10-batches-bin does not hold data_batch_1.bin.*unpack cifar-10-binary.tar.gz"
    with pytest.raises(DataError, match=pattern):
        DATASETS.create("cifar10", {}).load("train", tmp_path)


def test_the_python_version_is_not_opened_and_the_message_says_so(tmp_path: Path) -> None:
    (tmp_path / "cifar-100-python").mkdir()
    (tmp_path / "cifar-100-python/train").write_bytes(b"\x80\x02cos\nsystem\n")
    with pytest.raises(DataError, match="cifar-100-python is the Python version, made of pickles"):
        DATASETS.create("cifar100", {}).load("test", tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "cifar-10-batches-bin/data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_3.bin has 6145 bytes, which are no records of 3073 bytes"):
        DATASETS.create("cifar10", {}).read("train", tmp_path)
