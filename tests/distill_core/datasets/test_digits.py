from __future__ import annotations

from pathlib import Path

import torch
from sklearn.datasets import load_digits

from distill_core.dataset import Source
from distill_core.datasets import DATASETS
from tests.distill_core.datasets.reading import in_memory


def load(split: str) -> Source:
    return DATASETS.create("digits", {}).load(split, Path("/nonexistent"))


def test_the_two_splits_are_the_whole_set_of_scikit_learn() -> None:
    original = load_digits()
    rows = torch.from_numpy(original.images).reshape(-1, 1, 8, 8)
    wanted = sorted(
        (label, tuple(row)) for label, row in zip(original.target.tolist(), rows.flatten(1).tolist(), strict=True)
    )
    found = []
    for split in ("train", "test"):
        pixels, labels = in_memory(load(split))
        values = (pixels.double() / 255 * 16).round().flatten(1).tolist()
        found += [(label, tuple(row)) for label, row in zip(labels.tolist(), values, strict=True)]
    assert sorted(found) == wanted


def test_the_splits_have_the_same_mixture_of_classes() -> None:
    train, test = (in_memory(load(split))[1].bincount() for split in ("train", "test"))
    assert ((test / (train + test) - 0.2).abs() < 0.005).all()


def test_the_split_never_changes() -> None:
    assert load("test").fingerprint().startswith("9f38e1b927fbf7c1")
