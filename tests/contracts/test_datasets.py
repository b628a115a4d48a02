"""What every data set of the registry must do; a new file is tested by being there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from distill_core.dataset import Facts, Source
from distill_core.datasets import DATASETS
from distill_core.errors import DataError
from distill_core.spec.data import StreamSpec
from distill_core.stream import open_stream

every_dataset = pytest.mark.parametrize("key", list(DATASETS))

# Sets that lie elsewhere on this machine: inside a package, or where the system's packages put them.
WITHOUT_FOLDER = {"digits", *(["fashion_mnist"] if Path("/usr/share/datasets/fashion-mnist").is_dir() else [])}
# Options of sets that are what a person has; `root` makes them.
OPTIONS: dict[str, dict[str, Any]] = {"image_folder": {"folder": "photos", "num_classes": 2, "channels": 3}}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder that holds what can be made here."""
    root = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = root / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                pixels = generator.integers(0, 256, (8, 9, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


def load_or_skip(key: str, split: str, root: Path) -> Source:
    """Return a split that is on this machine without a download."""
    try:
        return DATASETS.create(key, OPTIONS.get(key, {})).load(split, root)
    except DataError as error:
        pytest.skip(f"{key} is not on this machine: {error}")


def facts_of(key: str) -> Facts:
    return DATASETS.create(key, OPTIONS.get(key, {})).known_facts()


def labels_of(source: Source) -> Tensor:
    assert isinstance(source.targets, Tensor)
    return source.targets


def test_every_data_set_that_needs_options_has_some_here() -> None:
    assert set(OPTIONS) == {key for key in DATASETS if DATASETS.find(key).Params.model_json_schema().get("required")}


@every_dataset
def test_facts_are_complete_or_say_that_an_option_or_the_files_tell(key: str) -> None:
    facts = facts_of(key)
    assert facts.num_classes is not None
    if facts.splits is not None:
        assert {"train", "test"} <= set(facts.splits)
    if facts.mean is not None and facts.std is not None and facts.image_shape is not None:
        assert len(facts.mean) == len(facts.std) == facts.image_shape[0]
        assert all(0 < value < 1 for value in (*facts.mean, *facts.std))


@every_dataset
def test_a_missing_set_is_told_with_the_folder_that_was_looked_in(key: str, tmp_path: Path) -> None:
    dataset = DATASETS.create(key, OPTIONS.get(key, {}))
    if key in WITHOUT_FOLDER:
        assert len(dataset.load("train", tmp_path)) > 0
        return
    with pytest.raises(DataError, match=rf"{tmp_path}.*(download: true|put the images)"):
        dataset.load("train", tmp_path)


@every_dataset
def test_splits_are_what_the_facts_say_and_every_class_is_there(key: str, root: Path) -> None:
    facts = facts_of(key)
    for split, count in (facts.splits or {"train": 8, "test": 8}).items():
        source = load_or_skip(key, split, root)
        assert len(source) == count
        counts = labels_of(source).bincount()
        assert len(counts) == facts.num_classes
        assert counts.min() > 0


@every_dataset
def test_mean_and_deviation_are_those_of_the_training_split(key: str, root: Path) -> None:
    facts = facts_of(key)
    if facts.mean is None or facts.std is None:
        pytest.skip(f"{key} is what a person puts there; it states no mean")
    source = load_or_skip(key, "train", root)
    inputs = source.gather(torch.arange(len(source))).inputs
    assert isinstance(inputs, Tensor)
    assert inputs.dtype == torch.uint8
    pixels = inputs.float() / 255
    assert pixels.mean((0, 2, 3)).tolist() == pytest.approx(facts.mean, abs=1e-3)
    assert pixels.std((0, 2, 3)).tolist() == pytest.approx(facts.std, abs=1e-3)


@every_dataset
def test_reading_twice_gives_the_same_samples_in_the_same_order(key: str, root: Path) -> None:
    first, again = load_or_skip(key, "test", root), load_or_skip(key, "test", root)
    assert first.fingerprint() == again.fingerprint()
    for place in (0, len(first) - 1):
        one, other = first.read(place), again.read(place)
        assert isinstance(one, Tensor)
        assert isinstance(other, Tensor)
        assert one.equal(other)


@every_dataset
def test_a_stream_of_it_is_the_same_on_the_device_and_through_workers(key: str, root: Path) -> None:
    load_or_skip(key, "test", root)
    crop = {"transform": "random_resized_crop", "size": 7}
    document = {
        "dataset": key,
        "params": OPTIONS.get(key, {}),
        "split": "test",
        "num_samples": 6,
        "views": {"main": {"transforms": [crop]}},
    }
    spec = StreamSpec.model_validate(document)
    here = open_stream(spec, root, CPU, placement="device")
    there = open_stream(spec, root, CPU, placement="workers")
    for one, other in zip(here.in_order(4), there.in_order(4), strict=True):
        assert one.index.equal(other.index)
        assert one.labels.equal(other.labels)
        first, second = one.inputs["main"], other.inputs["main"]
        assert isinstance(first, Tensor)
        assert isinstance(second, Tensor)
        assert first.equal(second)
