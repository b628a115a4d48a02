"""Handwritten digits of 8x8 pixels that come with scikit-learn: real data without a download.

E. Alpaydin, C. Kaynak: "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998. The set has
no split of its own; ours is fixed: within each class the samples are put in a hashed order, and every fifth one is
for the test.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from distill_core.dataset import Dataset, Facts, Samples
from distill_core.datasets import DATASETS
from distill_core.draw import draw_order
from distill_core.errors import DataError
from distill_core.spec.config import Config

FILE = "sklearn/datasets/data/digits.csv.gz"
SPLIT_SEED = 0


class DigitsParams(Config):
    """The digits take no options."""


@DATASETS.register("digits")
class Digits(Dataset):
    """Handwritten digits, 8x8 grey, 10 classes: 1,437 for training and 360 for the test, inside scikit-learn."""

    Params = DigitsParams
    facts: ClassVar = Facts(
        num_classes=10,
        image_shape=(1, 8, 8),
        splits={"train": 1437, "test": 360},
        mean=(0.3050,),
        std=(0.3758,),
    )

    def read(self, split: str, root: Path, scratch: Path | None = None) -> Samples:
        """Return a split; `root` is not looked at."""
        rows = torch.from_numpy(np.loadtxt(_find_file(), delimiter=",", dtype=np.int64))
        intensities, labels = rows[:, :-1], rows[:, -1]
        pixels = (intensities * 255 + 8).div(16, rounding_mode="floor").to(torch.uint8).reshape(-1, 1, 8, 8)
        chosen = _choose(labels, split)
        return Samples(pixels[chosen], labels[chosen])


def _find_file() -> Path:
    """Find the file by the package's metadata: importing scikit-learn takes seconds."""
    try:
        path = Path(str(distribution("scikit-learn").locate_file(FILE)))
    except PackageNotFoundError as error:
        raise DataError(
            "the digits come with scikit-learn, which is not installed: pip install scikit-learn"
        ) from error
    if not path.is_file():
        raise DataError(f"the digits are missing from scikit-learn: {path}; install scikit-learn again")
    return path


def _choose(labels: Tensor, split: str) -> Tensor:
    order = draw_order(SPLIT_SEED, len(labels), labels.device)
    by_class = order[torch.argsort(labels[order], stable=True)]
    is_test = torch.arange(len(labels)) % 5 == 0
    return by_class[is_test if split == "test" else ~is_test].sort().values
