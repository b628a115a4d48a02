"""Problems between parts of a spec: names that must stand elsewhere in it, and fields that nobody sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from distill_core.errors import Problem
from distill_core.spec.components import unknown_name
from distill_core.spec.document import join_pointer
from distill_core.spec.stage import OWN

REQUIRED = ("student", "train", "epochs", "batch_size", "objective", "optimizer")
"""Fields of a stage that it or a stage before it must set."""


def find_reference_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield names that nothing in the document carries; tolerates any shape."""
    models, streams = _mapping(document.get("models")), _mapping(document.get("data"))
    evaluation = _mapping(document.get("evaluation"))
    yield from _check_name("/evaluation/stream", "stream", evaluation.get("stream"), streams)
    stages = document.get("stages")
    if not stages and document.get("recipe") is None:
        yield Problem("/stages", "field_missing", "the experiment has neither stages nor a recipe")
    effective: dict[str, Any] = {}
    names: set[str] = set()
    for index, stage in enumerate(stages if isinstance(stages, list) else ()):
        if not isinstance(stage, dict):
            continue
        pointer = f"/stages/{index}"
        effective |= {key: value for key, value in stage.items() if value is not None}
        yield from _check_stage_name(pointer, stage.get("name"), names)
        yield from _check_missing(pointer, effective)
        yield from _check_roles(pointer, stage, models)
        for field in ("train", "validate_on"):
            yield from _check_name(join_pointer(pointer, field), "stream", stage.get(field), streams)
        yield from _check_terms(pointer, stage, effective, streams)
        yield from _check_further(pointer, stage, streams)
        yield from _check_sections(pointer, stage, effective)
        for field in ("until", "take_over"):
            place = join_pointer(pointer, field, "model")
            yield from _check_name(place, "model", _mapping(stage.get(field)).get("model"), models)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _check_name(pointer: str, kind: str, name: Any, allowed: Mapping[str, Any]) -> Iterator[Problem]:
    if isinstance(name, str) and name not in allowed:
        yield unknown_name(pointer, kind, name, allowed)


def _check_stage_name(pointer: str, name: Any, names: set[str]) -> Iterator[Problem]:
    if isinstance(name, str) and name in names:
        yield Problem(f"{pointer}/name", "name_repeated", f"an earlier stage is called {name!r} too", name)
    if isinstance(name, str):
        names.add(name)


def _check_missing(pointer: str, effective: Mapping[str, Any]) -> Iterator[Problem]:
    for field in REQUIRED:
        if field not in effective:
            message = f"neither this stage nor one before it sets {field!r}"
            yield Problem(join_pointer(pointer, field), "field_missing", message)


def _check_roles(pointer: str, stage: Mapping[str, Any], models: Mapping[str, Any]) -> Iterator[Problem]:
    student, teachers = stage.get("student"), stage.get("teachers")
    yield from _check_name(f"{pointer}/student", "model", student, models)
    for index, teacher in enumerate(teachers if isinstance(teachers, list) else ()):
        place = f"{pointer}/teachers/{index}"
        yield from _check_name(place, "model", teacher, models)
        if teacher == student:
            yield Problem(place, "teacher_is_student", "a model cannot teach itself within a stage", teacher)


def _check_terms(
    pointer: str, stage: Mapping[str, Any], effective: Mapping[str, Any], streams: Mapping[str, Any]
) -> Iterator[Problem]:
    teachers = effective.get("teachers")
    taught_by = {name: None for name in teachers if isinstance(name, str)} if isinstance(teachers, list) else {}
    further = _mapping(effective.get("further"))
    for name, term in _mapping(stage.get("objective")).items():
        place = join_pointer(pointer, "objective", name)
        yield from _check_name(f"{place}/teacher", "teacher of this stage", _mapping(term).get("teacher"), taught_by)
        own = _mapping(term).get("stream")
        yield from _check_name(f"{place}/stream", "further stream of this stage", own, further)
        stream = own if isinstance(own, str) else effective.get("train")
        known = _mapping(_mapping(streams.get(stream) if isinstance(stream, str) else None).get("views"))
        view = _mapping(term).get("view")
        yield from _check_name(f"{place}/view", f"view of the stream {stream!r}", view, known or {"main": None})


def _check_further(pointer: str, stage: Mapping[str, Any], streams: Mapping[str, Any]) -> Iterator[Problem]:
    for name in _mapping(stage.get("further")):
        yield from _check_name(join_pointer(pointer, "further", name), "stream", name, streams)


def _check_sections(pointer: str, stage: Mapping[str, Any], effective: Mapping[str, Any]) -> Iterator[Problem]:
    teachers = effective.get("teachers")
    roles = [effective.get("student"), *(teachers if isinstance(teachers, list) else ())]
    known = {role: None for role in roles if isinstance(role, str)}
    for name in _mapping(stage.get("sections")):
        yield from _check_name(join_pointer(pointer, "sections", name), "model of this stage", name, known)


def inherit(stages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the stages with everything they inherit written out."""
    effective: dict[str, Any] = {}
    resolved = []
    for stage in stages:
        inherited = {key: value for key, value in effective.items() if key not in OWN}
        effective = inherited | {key: value for key, value in stage.items() if value is not None}
        resolved.append(dict(effective))
    return resolved
