"""The smallest size of an experiment: its models, stages and objectives, on a few images that are always at hand.

It answers in a minute on two cores whether all of an experiment runs: surgery, places, auxiliary modules, evaluation.
Its figures mean nothing. What it changes: every stream takes scikit-learn's digits, scaled to the images' size or to 64
pixels where that is larger; models start without stored weights; a stage takes an epoch of two steps, at a rate that is
as much smaller as its batch is, without a schedule; and one process computes on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.errors import SpecError
from distill_core.spec.catalog import load_catalog
from distill_core.spec.recipe import expand_recipe

__all__ = ["shrink"]

DATASET = "digits"
NUM_SAMPLES = 32
BATCH_SIZE = 16
MAX_SIDE = 64
NORMALISED = ({"transform": "normalize"},)
ONE_PROCESS = {"device": "cpu", "devices": 1, "nodes": 1, "loader_workers": 0, "precision": "fp32", "compile": False}

Document = Mapping[str, Any]


def shrink(document: Document) -> dict[str, Any]:
    """Return a document of the same experiment at the smallest size, its recipe written out as stages.

    Args:
        document: one that is free of problems.

    Raises:
        SpecError: its recipe has problems.
    """
    written, problems = expand_recipe(document)
    if problems:
        raise SpecError(problems)
    return {
        **{name: part for name, part in written.items() if name != "recipe"},
        "models": {name: _shrink_model(model) for name, model in written["models"].items()},
        "data": {name: _shrink_stream(stream) for name, stream in written["data"].items()},
        "stages": _shrink_stages(written["stages"]),
        "runtime": {**written.get("runtime", {}), **ONE_PROCESS},
        "evaluation": {**written.get("evaluation", {}), "latency": False},
    }


def _without(part: Document, *names: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in names}


def _shrink_model(model: Document) -> dict[str, Any]:
    """Return a model without stored weights and without what follows from the data."""
    derived = load_catalog().models[model["model"]].derived
    return {**_without(model, "weights"), "params": _without(model.get("params", {}), *derived)}


def _shrink_stream(stream: Document) -> dict[str, Any]:
    whole = _without(stream, "hold_out")
    if stream["dataset"] == DATASET:
        return {**whole, "num_samples": min(NUM_SAMPLES, stream.get("num_samples") or NUM_SAMPLES)}
    shape = load_catalog().datasets[stream["dataset"]].image_shape
    side = min(MAX_SIDE, (shape and shape[-1]) or MAX_SIDE)
    views = stream.get("views", {"main": {}})
    return {
        **_without(whole, "params"),
        "dataset": DATASET,
        "split": "train" if stream.get("split", "train") == "train" else "test",
        "num_samples": NUM_SAMPLES,
        "views": {name: _shrink_view(view, side) for name, view in views.items()},
    }


def _shrink_view(view: Document, side: int) -> dict[str, Any]:
    """Return a view that begins with images of a side, and has their own mean and deviation."""
    transforms = [_without(transform, "mean", "std") for transform in view.get("transforms", NORMALISED)]
    smaller = [
        {**transform, "size": min(transform["size"], MAX_SIDE)} if "size" in transform else transform
        for transform in transforms
    ]
    return {**view, "transforms": [{"transform": "resize", "size": side}, *smaller]}


def _shrink_stages(stages: Sequence[Document]) -> list[dict[str, Any]]:
    """Return stages of one short epoch each; what one inherits stays inherited."""
    small, batch_size = [], BATCH_SIZE
    for stage in stages:
        batch_size = stage.get("batch_size") or batch_size
        small.append(_shrink_stage(stage, min(1.0, BATCH_SIZE / batch_size)))
    return small


def _shrink_stage(stage: Document, share: float) -> dict[str, Any]:
    changes: dict[str, Any] = {"schedule": {"schedule": "constant"}}
    if stage.get("epochs"):
        changes["epochs"] = 1
    if stage.get("batch_size"):
        changes["batch_size"] = min(stage["batch_size"], BATCH_SIZE)
    if stage.get("further"):
        changes["further"] = {name: min(count, BATCH_SIZE) for name, count in stage["further"].items()}
    if stage.get("optimizer"):
        changes["optimizer"] = {**stage["optimizer"], "lr": stage["optimizer"]["lr"] * share}
    return {**_without(stage, "warmup", "early_stop"), **changes}
