"""Writes the catalog: what every registered component is and takes, for those who may not import torch."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Mapping
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
from distill_core.spec.catalog import DatasetEntry, Entry, MethodEntry, ModelEntry
from distill_core.spec.components import fill_defaults
from distill_core.spec.layers import fill_places
from distill_core.term import Term

__all__ = ["cite", "find_stale_files", "write_catalog"]

PAPER = re.compile(r'(?P<paper>[^"]+: "[^"]+", .*?\(arXiv \d{4}\.\d{4,5}[^)]*\))')
THREE_STAGES = ("stem", "stage1", "stage2", "stage3", "pooled", "logits")
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
        feature_points=dict(getattr(model, "feature_points", {})),
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


def cite(component: type[Term[Any]]) -> str:
    """Return authors, title, venue and arXiv id of a method, as the second paragraph of its file begins; "" if not."""
    described = inspect.getdoc(sys.modules[component.__module__]) or ""
    found = PAPER.match(_join([*described.split("\n\n"), ""][1]))
    return "" if found is None else found["paper"]


def _list_taps(component: type[Term[Any]], schema: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    entry = Entry(summary="", params=dict(schema))
    params = fill_places(entry, fill_defaults(entry, {}), THREE_STAGES, THREE_STAGES)
    places = component.places(component.Params.model_validate(params))
    sides = {"student": places.student, "teacher": places.teacher}
    return {side: tuple(dict.fromkeys(map(str, found))) for side, found in sides.items()}


def _join(text: str | None) -> str:
    return " ".join((text or "").split())


def _describe_method(component: type[Term[Any]]) -> MethodEntry:
    needs = component.needs
    schema = component.Params.model_json_schema()
    return MethodEntry(
        summary=summarise(component),
        params=schema,
        paper=cite(component),
        formula=_join(inspect.getdoc(component.forward)).removeprefix("Return").lstrip(", "),
        use=component.use,
        taps=_list_taps(component, schema),
        teacher=needs.teacher,
        labels=needs.labels,
        same_classes=needs.same_classes,
        smallest_batch=needs.smallest_batch,
        ensemble=needs.ensemble,
        imports=component.imports,
        exports=component.exports,
    )
