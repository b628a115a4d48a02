"""The views that the options of a term name, checked against those of its stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from distill_core.errors import Problem
from distill_core.spec.catalog import Catalog, Entry
from distill_core.spec.components import unknown_name
from distill_core.spec.document import join_pointer
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.stage import ResolvedStage

__all__ = ["NAMES_VIEW", "find_view_problems", "list_views"]

NAMES_VIEW: Any = {"names": "view"}
"""Goes into the JSON Schema of an option that is the name of a view, or several of them."""


def find_view_problems(pointer: str, stage: ResolvedStage, spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """Yield the views that a stage's terms name and their streams do not have."""
    for name, term in stage.objective.items():
        stream = term.stream or stage.train
        known = spec.data[stream].views
        for place, view in list_views(catalog.methods[term.method], term.params):
            if view not in known:
                where = join_pointer(pointer, "objective", name, "params") + place
                yield unknown_name(where, f"view of the stream {stream!r}", view, known)


def list_views(entry: Entry, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield pointer and name of the views in a term's options: marked ones, and those of places."""
    for option, value in params.items():
        pointer = join_pointer("", option)
        if entry.params.get("properties", {}).get(option, {}).get("names") == "view":
            names = enumerate(value) if isinstance(value, list | tuple) else [(None, value)]
            yield from (
                (pointer if number is None else f"{pointer}/{number}", view)
                for number, view in names
                if isinstance(view, str)
            )
        elif isinstance(value, dict) and "of" in value and isinstance(value.get("view"), str):
            yield f"{pointer}/view", value["view"]
