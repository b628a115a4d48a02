"""The peer, torchdistill, doing the same work: its own boxes and losses, as its own examples drive them.

It is no dependency of the project: `pip install --no-deps --target FOLDER torchdistill==1.1.5` (1.1.4 for its cache),
then `--torchdistill FOLDER`.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["build_box", "import_peer", "loader_config", "step_through", "step_with_loader"]


def import_peer(folder: Path) -> str:
    """Make torchdistill importable from a folder, and return its version."""
    sys.path.insert(0, str(folder))
    logging.getLogger("torchdistill").setLevel(logging.ERROR)
    version: str = importlib.import_module("torchdistill").__version__
    return version


def build_box(
    teacher: nn.Module,
    student: nn.Module,
    *,
    is_fused: bool = False,
    datasets: dict[str, Any] | None = None,
    loader: dict[str, Any] | None = None,
) -> Any:
    """Return a box of knowledge distillation as a configuration file describes it.

    Args:
        teacher: in training mode, as its loader of models leaves it, or in eval mode.
        student: the model that learns.
        is_fused: whether the optimizer is asked for its fused kernel; no configuration of the peer asks for it.
        datasets: data sets by name, where the box is to make loaders.
        loader: configuration of the training loader.
    """
    distillation = importlib.import_module("torchdistill.core.distillation")
    model = {"forward_proc": "forward_batch_only", "forward_hook": {"input": [], "output": ["classifier"]}}
    places = {f"{side}_module_{what}": value for side in ("student", "teacher") for what, value in PLACE.items()}
    criterion = {"key": "KDLoss", "kwargs": {**places, "temperature": 4.0, "alpha": 0.1, "reduction": "batchmean"}}
    sgd = {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4} | ({"fused": True} if is_fused else {})
    config = {
        "num_epochs": 1,
        "train_data_loader": loader or {},
        "teacher": {**model, "requires_grad": False},
        "student": {**model, "requires_grad": True},
        "optimizer": {"key": "SGD", "kwargs": sgd},
        "criterion": {
            "key": "WeightedSumLoss",
            "kwargs": {"sub_terms": {"kd": {"criterion": criterion, "weight": 1.0}}},
        },
    }
    device = torch.device("cpu")
    box = distillation.get_distillation_box(teacher, student, datasets or {}, config, device, None, False, 1)
    box.pre_epoch_process(epoch=0)
    return box


PLACE = {"path": "classifier", "io": "output"}


def loader_config(batch_size: int, cache: Path | None = None) -> dict[str, Any]:
    """Return the configuration of a loader in this process, with the folder of its cache, if any."""
    config: dict[str, Any] = {
        "dataset_id": "train",
        "sampler": {"class_or_func": torch.utils.data.RandomSampler},
        "kwargs": {"batch_size": batch_size, "num_workers": 0, "drop_last": True},
    }
    return config | ({"cache_output": str(cache)} if cache else {})


def _train_step(box: Any, images: Tensor, labels: Tensor, supplement: dict[str, Any]) -> None:
    """Take one step as the peer's example of image classification does."""
    loss = box.forward_process(images, labels, supplement)
    box.post_forward_process(loss=loss)
    loss.item()


def step_through(box: Any, batches: Iterable[tuple[Tensor, Tensor]]) -> Callable[[], None]:
    """Return a function that takes one step with batches that are rendered by someone else."""
    source: Iterator[tuple[Tensor, Tensor]] = iter(batches)

    def step() -> None:
        torch.use_deterministic_algorithms(mode=False)
        images, labels = next(source)
        _train_step(box, images, labels, {})

    return step


def step_with_loader(box: Any) -> Callable[[], None]:
    """Return a function that takes one step with the batches of the box's own loader, epoch after epoch."""

    def batches() -> Iterator[Any]:
        while True:
            yield from box.train_data_loader

    source = batches()

    def step() -> None:
        torch.use_deterministic_algorithms(mode=False)
        _train_step(box, *next(source))

    return step
