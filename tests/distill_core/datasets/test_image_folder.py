from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from distill_core.dataset import Source
from distill_core.datasets import DATASETS
from distill_core.errors import DataError, SpecError
from tests.distill_core.stream.folders import make_folder

OPTIONS: dict[str, Any] = {"folder": "photos", "num_classes": 3}


def load(root: Path, **options: Any) -> Source:
    return DATASETS.create("image_folder", OPTIONS | options).load("train", root)


def test_a_folder_is_a_class_and_files_come_by_name(tmp_path: Path) -> None:
    source = load(make_folder(tmp_path, each=2))
    assert isinstance(source.targets, Tensor)
    assert source.targets.tolist() == [0, 0, 1, 1, 2, 2]
    assert source.describe(3) == f"sample 3, {tmp_path}/photos/train/class1/1.png"
    assert source.shape == (3, 16, 20)
    assert source.num_bytes == 6 * 3 * 16 * 20


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp", "bmp"])
def test_images_of_every_common_format_are_read(tmp_path: Path, suffix: str) -> None:
    image = load(make_folder(tmp_path, each=1, suffix=suffix)).read(0)
    assert isinstance(image, Tensor)
    assert image.shape == (3, 16, 20)
    assert image.dtype == torch.uint8
    assert image.is_contiguous()


def test_what_is_no_image_and_what_is_hidden_is_left_alone(tmp_path: Path) -> None:
    make_folder(tmp_path, each=2)
    (tmp_path / "photos/train/class0/notes.txt").write_text("x")
    (tmp_path / "photos/train/class0/.0.png").write_text("x")
    (tmp_path / "photos/train/.cache").mkdir()
    assert len(load(tmp_path)) == 6


def test_without_labels_images_are_found_at_any_depth(tmp_path: Path) -> None:
    make_folder(tmp_path, each=2)
    (tmp_path / "photos/train/class1/1.png").rename(tmp_path / "photos/train/above.png")
    source = load(tmp_path, unlabelled=True)
    assert source.targets is None
    assert len(source) == 6
    assert source.describe(0).endswith("/photos/train/above.png")


def test_the_number_of_folders_must_be_the_number_of_classes(tmp_path: Path) -> None:
    make_folder(tmp_path)
    with pytest.raises(DataError, match="has 3 folders, and the option num_classes says 4"):
        load(tmp_path, num_classes=4)
    with pytest.raises(SpecError, match="num_classes"):
        DATASETS.create("image_folder", {"folder": "photos"})


def test_a_class_or_a_split_without_images_is_told(tmp_path: Path) -> None:
    make_folder(tmp_path)
    for path in (tmp_path / "photos/train/class2").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"the class .*/class2 holds no image"):
        load(tmp_path)
    with pytest.raises(DataError, match=r"photos/val is not there: .*; splits that are there: \['train'\]"):
        DATASETS.create("image_folder", OPTIONS).load("val", tmp_path)
    (tmp_path / "photos/empty").mkdir()
    with pytest.raises(DataError, match="photos/empty holds no image"):
        DATASETS.create("image_folder", OPTIONS | {"unlabelled": True}).load("empty", tmp_path)


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", "photos/../../elsewhere"])
def test_a_folder_outside_of_the_data_folder_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(DataError, match="outside of"):
        load(make_folder(tmp_path / "root"), folder=folder)


def test_a_link_leads_nowhere_outside_of_the_data_folder(tmp_path: Path) -> None:
    root, elsewhere = make_folder(tmp_path / "root", each=2), make_folder(tmp_path / "elsewhere", each=2)
    inside = root / "photos/train/class0/link.png"
    inside.symlink_to(root / "photos/train/class1/0.png")
    assert len(load(root)) == 7
    inside.unlink()
    inside.symlink_to(elsewhere / "photos/train/class0/0.png")
    with pytest.raises(DataError, match="outside of"):
        load(root)
    with pytest.raises(DataError, match="outside of"):
        load(root, unlabelled=True)
    inside.unlink()
    (root / "photos/train/class9").symlink_to(elsewhere / "photos/train/class0")
    with pytest.raises(DataError, match="outside of"):
        load(root, num_classes=4)
    assert len(load(root, unlabelled=True)) == 6
    (root / "photos/train/class9").unlink()
    (root / "photos/train/class0/loop").symlink_to(root / "photos/train")
    assert len(load(root, unlabelled=True)) == 6


def test_grey_and_colour_are_read_as_the_option_says(tmp_path: Path) -> None:
    make_folder(tmp_path)
    assert load(tmp_path, channels=1).shape == (1, 16, 20)
    assert load(tmp_path, channels=1).fingerprint() != load(tmp_path).fingerprint()


def test_the_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    here, there = make_folder(tmp_path / "here"), make_folder(tmp_path / "there")
    assert load(here).fingerprint() == load(there).fingerprint()
    path = there / "photos/train/class0/0.png"
    path.rename(path.with_name("00.png"))
    assert load(here).fingerprint() != load(there).fingerprint()
