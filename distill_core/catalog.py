"""Writes the catalog: what every registered component is and takes, for those who may not import torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from distill_core.dataset import Dataset
from distill_core.datasets import DATASETS
from distill_core.methods import METHODS
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.registry import summarise
from distill_core.spec import catalog
from distill_core.spec.catalog import DatasetEntry, MethodEntry, ModelEntry
from distill_core.term import Term

__all__ = ["find_stale_files", "write_catalog"]

FOLDER = Path(catalog.__file__).parent
EXAMPLE = {"num_classes": 10, "in_channels": 3, "image_size": 32}
"""What follows from the data, as CIFAR-10 has it; feature points and module paths do not depend on it."""


def write_catalog() -> None:
    """Write the files that the spec is checked with."""
    for path, text in _render().items():
        path.write_text(text, "utf-8")


def find_stale_files() -> list[Path]:
    """Return the files that are not what the registries say."""
    return [path for path, text in _render().items() if not path.is_file() or path.read_text("utf-8") != text]


def _render() -> dict[Path, str]:
    entries: dict[str, dict[str, Any]] = {
        "models": {key: _describe_model(MODELS.find(key)).model_dump(mode="json") for key in MODELS},
        "datasets": {key: _describe_dataset(DATASETS.find(key)).model_dump(mode="json") for key in DATASETS},
        "methods": {key: _describe_method(METHODS.find(key)).model_dump(mode="json") for key in METHODS},
    }
    return {FOLDER / f"{kind}.json": json.dumps(found, indent=1) + "\n" for kind, found in entries.items()}


def _describe_model(component: type[Model]) -> ModelEntry:
    derived = tuple(name for name in EXAMPLE if name in component.Params.model_fields)
    with torch.device("meta"):
        model = component(component.Params.model_validate({name: EXAMPLE[name] for name in derived}))
    return ModelEntry(
        summary=summarise(component),
        params=component.Params.model_json_schema(),
        derived=derived,
        feature_points=dict(getattr(component, "feature_points", {})),
        module_paths=tuple(name for name, _ in model.named_modules() if name),
    )


def _describe_dataset(component: type[Dataset]) -> DatasetEntry:
    facts = component.facts
    return DatasetEntry(
        summary=summarise(component),
        params=component.Params.model_json_schema(),
        num_classes=facts.num_classes,
        image_shape=facts.image_shape,
        splits=None if facts.splits is None else dict(facts.splits),
        mean=facts.mean,
        std=facts.std,
    )


def _describe_method(component: type[Term[Any]]) -> MethodEntry:
    needs = component.needs
    return MethodEntry(
        summary=summarise(component),
        params=component.Params.model_json_schema(),
        teacher=needs.teacher,
        labels=needs.labels,
        same_classes=needs.same_classes,
        smallest_batch=needs.smallest_batch,
        ensemble=needs.ensemble,
        imports=component.imports,
        exports=component.exports,
    )
