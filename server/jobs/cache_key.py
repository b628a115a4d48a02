"""The key of the teacher outputs that a job stores, as far as its spec tells: jobs of one key would store the same.

The engine's own keys are exact, and its locks keep two runs from storing one entry. This key is only for the queue: it
keeps a second job from computing for itself, at the same time, what the first one is storing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from distill_core.spec import ResolvedSpec
from distill_core.spec.catalog import MethodEntry, load_catalog
from distill_core.spec.data import ViewSpec
from distill_core.spec.objective import TermSpec
from distill_core.spec.places import find_places
from distill_core.spec.stage import ResolvedStage

BUILDING, READY = "building", "ready"
CACHE_STATES = {"write": BUILDING, "read": READY, "ready": READY}
"""What the engine says of an entry -> the job's state of its teacher outputs."""

_LOGITS = "logits"
"""What methods listen to that name no place."""


def find_cache_key(resolved: ResolvedSpec, makers: Mapping[str, str]) -> str | None:
    """Return the key of what a job's teachers say and it stores; None where it stores nothing.

    Args:
        resolved: the spec with everything written out.
        makers: artifact -> the job whose student it is, so that both names of one teacher are the same.
    """
    if resolved.runtime.nodes > 1:
        return None
    trained: set[str] = set()
    parts: list[dict[str, Any]] = []
    for stage in resolved.stages:
        parts += [part for name in stage.teachers if name not in trained for part in _describe(resolved, stage, name)]
        trained.add(stage.student)
    for part in parts:
        part["weights"] = _name_weights(part["weights"], makers)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest() if parts else None


def _describe(resolved: ResolvedSpec, stage: ResolvedStage, name: str) -> Iterator[dict[str, Any]]:
    """Yield what has a say in the outputs of one teacher, for each view of the samples that it is asked about."""
    model, runtime = resolved.models[name], resolved.runtime
    stream = resolved.data[stage.train]
    section = stage.sections.get(name)
    for view_name, places in _find_taps(resolved, stage, name).items():
        yield {
            "model": model.model,
            "params": model.params,
            "weights": model.weights.as_document() if model.weights else {"seed": runtime.seed, "name": name},
            "section": None if section is None else section.as_document(),
            "data": stream.as_document() | {"views": None},
            "view": stream.views[view_name].as_document(),
            "places": places,
            "form": stage.cache.as_document(),
            "runtime": [runtime.device, runtime.precision, runtime.memory_format],
        }


def _find_taps(resolved: ResolvedSpec, stage: ResolvedStage, name: str) -> dict[str, list[str]]:
    """Return for each view whose outputs are kept the places that are tapped in a teacher."""
    views = resolved.data[stage.train].views
    taps: dict[str, set[str]] = {}
    for term in stage.objective.values():
        entry = load_catalog().methods[term.method]
        view = term.view or next(iter(views))
        is_heard = term.teacher == name or entry.ensemble
        if is_heard and term.stream is None and view in views and _is_kept(stage, views[view]):
            taps.setdefault(view, set()).update(_find_teacher_places(entry, term))
    return {view: sorted(places) for view, places in taps.items()}


def _find_teacher_places(entry: MethodEntry, term: TermSpec) -> set[str]:
    return {place.path for place in find_places(entry, term.params) if place.role == "teacher"} or {_LOGITS}


def _is_kept(stage: ResolvedStage, view: ViewSpec) -> bool:
    """Return whether the engine would keep what a teacher says to a view, and read it again."""
    if stage.cache.mode == "off" or (view.is_random and view.variants is None):
        return False
    if stage.mix is not None and not stage.mix.cached_labels:
        return False
    num_variants = view.variants or 1 if view.is_random else 1
    return stage.cache.mode == "on" or stage.epochs > num_variants


def _name_weights(weights: dict[str, Any], makers: Mapping[str, str]) -> dict[str, Any]:
    """Return a teacher's weights by the job that made them, where one did."""
    maker = makers.get(weights.get("artifact", ""))
    return weights if maker is None else {"job": maker}
