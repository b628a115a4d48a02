"""Folders of small images, made for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from distill_core.spec.data import StreamSpec
from distill_core.stream import Stream, open_stream
from distill_core.tensors import Batch

NORMALIZE: dict[str, Any] = {"transform": "normalize", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
RANDOM: tuple[dict[str, Any], ...] = (
    {"transform": "random_resized_crop", "size": 12},
    {"transform": "horizontal_flip"},
    NORMALIZE,
)


def make_folder(
    root: Path, *, classes: int = 3, each: int = 8, size: tuple[int, int] | None = (16, 20), suffix: str = "png"
) -> Path:
    """Write ROOT/photos/train/<class>/<number>.<suffix>; sizes differ from image to image where none is given."""
    generator = np.random.default_rng(0)
    for label in range(classes):
        folder = root / f"photos/train/class{label}"
        folder.mkdir(parents=True)
        for number in range(each):
            height, width = size or generator.integers(14, 40, 2)
            pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.{suffix}")
    return root


def open_folder(root: Path, *transforms: dict[str, Any], **options: Any) -> Stream:
    """Open the folder as a stream with one view."""
    params = {"folder": "photos", "num_classes": 3} | options.pop("params", {})
    variants, views = options.pop("variants", None), options.pop("views", None)
    document = {
        "dataset": "image_folder",
        "params": params,
        "views": views or {"main": {"transforms": transforms or RANDOM, "variants": variants}},
    }
    return open_stream(StreamSpec.model_validate(document), root, torch.device("cpu"), "/data/train", **options)


def image_of(batch: Batch, view: str = "main") -> Tensor:
    """Return the images of a batch that has them in one tensor."""
    images = batch.inputs[view]
    assert isinstance(images, Tensor)
    return images
