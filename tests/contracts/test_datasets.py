"""What every data set of the registry must do; a new file is tested by being there."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_core.dataset import Images
from distill_core.datasets import DATASETS
from distill_core.errors import DataError

every_dataset = pytest.mark.parametrize("key", list(DATASETS))


# Sets that lie elsewhere on this machine: inside a package, or where the system's packages put them.
WITHOUT_FOLDER = {"digits", *(["fashion_mnist"] if Path("/usr/share/datasets/fashion-mnist").is_dir() else [])}


def load_or_skip(key: str, split: str) -> Images:
    """Return a split that is on this machine without a download."""
    try:
        return DATASETS.create(key, {}).load(split, Path("/nonexistent"))
    except DataError as error:
        pytest.skip(f"{key} is not on this machine: {error}")


@every_dataset
def test_facts_are_complete(key: str) -> None:
    facts = DATASETS.find(key).facts
    assert {"train", "test"} <= set(facts.splits)
    assert len(facts.mean) == len(facts.std) == facts.image_shape[0]
    assert all(0 < value < 1 for value in (*facts.mean, *facts.std))


@every_dataset
def test_a_missing_set_is_told_with_the_folder_that_was_looked_in(key: str, tmp_path: Path) -> None:
    if key in WITHOUT_FOLDER:
        assert len(DATASETS.create(key, {}).load("train", tmp_path).labels) > 0
        return
    with pytest.raises(DataError, match=rf"{tmp_path}.*download: true"):
        DATASETS.create(key, {}).load("train", tmp_path)


@every_dataset
def test_splits_are_what_the_facts_say_and_every_class_is_there(key: str) -> None:
    facts = DATASETS.find(key).facts
    for split, count in facts.splits.items():
        images = load_or_skip(key, split)
        assert images.pixels.shape == (count, *facts.image_shape)
        assert len(images.labels.bincount()) == facts.num_classes
        assert images.labels.bincount().min() > 0


@every_dataset
def test_mean_and_deviation_are_those_of_the_training_split(key: str) -> None:
    facts = DATASETS.find(key).facts
    pixels = load_or_skip(key, "train").pixels.float() / 255
    assert pixels.mean((0, 2, 3)).tolist() == pytest.approx(facts.mean, abs=1e-3)
    assert pixels.std((0, 2, 3)).tolist() == pytest.approx(facts.std, abs=1e-3)


@every_dataset
def test_reading_twice_gives_the_same_samples_in_the_same_order(key: str) -> None:
    first = load_or_skip(key, "test")
    assert first.fingerprint() == load_or_skip(key, "test").fingerprint()
