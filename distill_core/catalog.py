"""Writes the catalog: what every registered component is and takes, for those who may not import torch."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from distill_core.dataset import Dataset
from distill_core.datasets import DATASETS
from distill_core.methods import METHODS
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.registry import summarise
from distill_core.spec import ExperimentSpec, catalog, parse_document
from distill_core.spec.catalog import DatasetEntry, Entry, MethodEntry, ModelEntry, RecipeEntry
from distill_core.spec.components import fill_defaults
from distill_core.spec.layers import fill_places
from distill_core.spec.recipe import describe_recipes
from distill_core.spec.recipes import RECIPES
from distill_core.term import Term

__all__ = ["cite", "find_stale_files", "write_catalog"]

PAPER = re.compile(r'(?P<paper>[^"]+: "[^"]+", .*?\(arXiv \d{4}\.\d{4,5}[^)]*\))')
CITATION = re.compile(r'(?P<paper>[^"]+: "[^"]+", .*?\b\d{4}(?: \(arXiv \d{4}\.\d{4,5}[^)]*\))?)(?=[.,;]|$| and)')
"""The same of a recipe, whose paper need not lie on arXiv."""
THREE_STAGES = ("stem", "stage1", "stage2", "stage3", "pooled", "logits")
FOLDER = Path(catalog.__file__).parent
COSTS = Path(__file__).parents[1] / "benchmarks/results/method_costs.json"
EXAMPLES = Path(__file__).parent / "recipes"
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
        "methods": {key: _describe_method(key, METHODS.find(key)).model_dump(mode="json") for key in METHODS},
        "recipes": {key: entry.model_dump(mode="json") for key, entry in _describe_recipes().items()},
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


def cite(component: type, pattern: re.Pattern[str] = PAPER) -> str:
    """Return authors, title, venue and arXiv id, as the second paragraph of a component's file begins; "" if not."""
    described = inspect.getdoc(sys.modules[component.__module__]) or ""
    found = pattern.match(_join([*described.split("\n\n"), ""][1]))
    return "" if found is None else found["paper"]


def _list_taps(component: type[Term[Any]], schema: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    entry = Entry(summary="", params=dict(schema))
    params = fill_places(entry, fill_defaults(entry, {}), THREE_STAGES, THREE_STAGES)
    places = component.places(component.Params.model_validate(params))
    sides = {"student": places.student, "teacher": places.teacher}
    return {side: tuple(dict.fromkeys(map(str, found))) for side, found in sides.items()}


def _describe_recipes() -> dict[str, RecipeEntry]:
    examples = _read_examples()
    return {
        name: RecipeEntry(
            summary=told["summary"],
            params=_without_known_parts(told["params"]),
            paper=cite(RECIPES[name], CITATION),
            example=examples.get(name),
        )
        for name, told in describe_recipes().items()
    }


def _without_known_parts(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a recipe's options without the parts that the spec's own schema has as well."""
    known = ExperimentSpec.model_json_schema()["$defs"]
    own = {name: part for name, part in schema.get("$defs", {}).items() if known.get(name) != part}
    rest = {key: value for key, value in schema.items() if key != "$defs"}
    return rest | {"$defs": own} if own else rest


def _read_examples() -> dict[str, dict[str, Any]]:
    """Return of every recipe the first experiment with it on the digits."""
    examples: dict[str, dict[str, Any]] = {}
    for path in sorted(EXAMPLES.glob("digits_*.yaml")):
        document = parse_document(path.read_bytes())
        if recipe := document.get("recipe"):
            examples.setdefault(recipe["name"], document)
    return examples


@cache
def _read_costs() -> dict[str, float]:
    measured = json.loads(COSTS.read_text("utf-8"))["methods"]
    return {name: round(found["cpu"]["median"], 2) for name, found in measured.items()}


def _join(text: str | None) -> str:
    return " ".join((text or "").split())


def _describe_method(key: str, component: type[Term[Any]]) -> MethodEntry:
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
        cost=_read_costs().get(key),
    )
