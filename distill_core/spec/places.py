"""The places that a spec names in models: found in terms and stages, and checked against the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from distill_core.errors import Problem
from distill_core.spec.catalog import Catalog, Entry, ModelEntry
from distill_core.spec.document import join_pointer
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.model import ModelSpec
from distill_core.spec.nearest import nearest_names
from distill_core.spec.place import AUTO, PRE
from distill_core.spec.stage import ResolvedStage

__all__ = ["NamedPlace", "find_output_problems", "find_place_problems", "find_places"]

SYMBOLIC = re.compile("stem|stage[0-9]+|pooled|logits")
"""Feature points that a probe may find."""


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A path in the options of a term.

    Attributes:
        pointer: where it stands, from the options on.
        role: whose module it is.
        path: feature point or module path, perhaps with `.pre`.
    """

    pointer: str
    role: Literal["student", "teacher"]
    path: str


def find_places(entry: Entry, params: Mapping[str, Any]) -> Iterator[NamedPlace]:
    """Yield the places in a term's options: paths that the schema marks, and objects that say `of` and `path`."""
    root = entry.params
    for name, value in params.items():
        yield from _search(join_pointer("", name), root, root.get("properties", {}).get(name, {}), value)


def _search(pointer: str, root: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> Iterator[NamedPlace]:
    if isinstance(value, dict):
        if value.get("of") in {"student", "teacher"}:
            yield NamedPlace(f"{pointer}/path", value["of"], value.get("path", ""))
            return
        for name, child in value.items():
            yield from _search(join_pointer(pointer, name), root, {}, child)
    elif "places_of" in schema:
        for place, path in _list_texts(pointer, value):
            yield NamedPlace(place, schema["places_of"], path)
    elif isinstance(value, list | tuple):
        schema = next((branch for branch in schema.get("anyOf", ()) if branch.get("type") == "array"), schema)
        positions = schema.get("prefixItems", ())
        for index, child in enumerate(value):
            inner = positions[index] if index < len(positions) else schema.get("items", {})
            yield from _search(f"{pointer}/{index}", root, _resolve(root, inner), child)
    elif isinstance(value, str):
        marked = [branch for branch in (schema, *schema.get("anyOf", ())) if "place_of" in branch]
        if marked and value != AUTO:
            yield NamedPlace(pointer, marked[0]["place_of"], value)


def _list_texts(pointer: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield from _list_texts(join_pointer(pointer, index), child)
    elif isinstance(value, str) and value != AUTO:
        yield pointer, value


def _resolve(root: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    return root["$defs"][reference.rsplit("/", 1)[1]] if reference else schema


def find_place_problems(pointer: str, stage: ResolvedStage, spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """Yield the paths of a stage that its models do not have."""
    for name, term in stage.objective.items():
        models = {"student": stage.student, "teacher": term.teacher}
        for named in find_places(catalog.methods[term.method], term.params):
            model = models[named.role]
            where = join_pointer(pointer, "objective", name, "params") + named.pointer
            if model is None:
                message = f"the place {named.path!r} is the teacher's, and the stage names no teacher"
                yield Problem(where, "teacher_missing", message, named.path)
            else:
                yield from _check_path(where, named.path, spec.models[model], catalog)
    student = spec.models[stage.student]
    for field in ("trainable", "frozen"):
        for index, path in enumerate(getattr(stage, field) or ()):
            yield from _check_path(f"{pointer}/{field}/{index}", path, student, catalog)
    for name, section in stage.sections.items():
        place = join_pointer(pointer, "sections", name)
        for index, path in enumerate(section.sequential or ()):
            yield from _check_path(f"{place}/sequential/{index}", path, spec.models[name], catalog)
        if section.until is not None:
            yield from _check_path(f"{place}/until", section.until, spec.models[name], catalog)


def find_output_problems(spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """Yield what is wrong with the place that exports end at."""
    path = spec.outputs.until
    if path is None:
        return
    if not spec.outputs.exports:
        message = "exports are to end at a place, and none is asked for"
        yield Problem("/outputs/until", "exports_missing", message, path, "a format in outputs.exports")
    yield from _check_path("/outputs/until", path, spec.models[spec.stages[-1].student], catalog)


def _check_path(pointer: str, path: str, model: ModelSpec, catalog: Catalog) -> Iterator[Problem]:
    """Check a path of a model whose modules do not depend on its options; others are checked where they are built."""
    entry = catalog.models[model.model]
    bare = path.removesuffix(PRE)
    if not _has_fixed_tree(entry) or not bare or bare in entry.feature_points or bare in entry.module_paths:
        return
    if not entry.feature_points and SYMBOLIC.fullmatch(bare):
        return
    names = (*entry.feature_points, *entry.module_paths)
    message = f"the model {model.model!r} has no feature point or module {bare!r}"
    yield Problem(pointer, "unknown_name", message, path, tuple(entry.feature_points), nearest_names(bare, names))


def _has_fixed_tree(entry: ModelEntry) -> bool:
    return set(entry.params.get("properties", {})) <= set(entry.derived)
