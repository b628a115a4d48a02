"""Layers by rule: which places `auto` means in the options of a method, by the feature points of both models.

A rule is a word, or several joined by `+`, each perhaps with `.pre` behind it (before the last activation there):

    stem, pooled, logits    the feature point of that name
    first, middle, last     one of the stages; middle is the last one of the first half
    stages                  the stages that both models have, counted from the last one
    maps                    stem and stages, counted from the last one
    pairs                   (stem, first stage), (first, second), ..., counted from the last one

Counting from the end pairs the last stage of a model of three with the last one of a model of four.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from distill_core.errors import Problem
from distill_core.spec.catalog import Entry
from distill_core.spec.document import join_pointer
from distill_core.spec.place import AUTO, PRE

__all__ = ["fill_places", "find_unfilled"]

STAGE = re.compile("stage([0-9]+)")

Points = Sequence[str]


def fill_places(entry: Entry, params: Mapping[str, Any], student: Points, teacher: Points | None) -> dict[str, Any]:
    """Return the options of a method with every `auto` replaced by places.

    Args:
        entry: the method.
        params: its options, defaults written out.
        student: feature points of the student.
        teacher: those of the teacher, None where the term has none.
    """
    points = {"student": student, "teacher": student if teacher is None else teacher}
    filled = dict(params)
    for name, rule, role, is_single in _list_fields(entry):
        if _is_auto(filled.get(name)):
            other = "teacher" if role == "student" else "student"
            written = params.get(name.replace(role, other))
            if written is not None and set(_list_bare(written)) <= set(points[role]):
                filled[name] = written  # who names the places of one model means those of the other too
                continue
            places = _apply(rule, points[role], points[other])
            if places:
                filled[name] = places[0] if is_single else places
    return filled


def find_unfilled(pointer: str, entry: Entry, params: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the options whose `auto` the models do not answer, and places without a partner."""
    for name, _, role, is_single in _list_fields(entry):
        value, place = params[name], join_pointer(pointer, "params", name)
        if _is_auto(value):
            message = "the models have no such feature points, so the places must be written out"
            yield Problem(place, "places_unknown", message, AUTO)
            continue
        if not entry.params["properties"][name].get("paired", True):
            continue
        partner = name.replace(role, "student")
        others = params.get(partner)
        if role == "teacher" and not is_single and partner != name and others is not None and len(others) != len(value):
            message = f"{len(value)} places of the teacher and {len(others)} of the student: each needs its partner"
            yield Problem(place, "places_unpaired", message, value, f"{len(others)} places")


def _list_fields(entry: Entry) -> Iterator[tuple[str, str, str, bool]]:
    for name, schema in entry.params.get("properties", {}).items():
        if "auto" in schema:
            role = schema.get("place_of") or schema["places_of"]
            yield name, schema["auto"], role, "place_of" in schema


def _list_bare(value: Any) -> Iterator[str]:
    """Yield the paths in an option, without `.pre`."""
    if isinstance(value, str):
        yield value.removesuffix(PRE)
    else:
        for entry in value:
            yield from _list_bare(entry)


def _is_auto(value: Any) -> bool:
    return value == AUTO or (isinstance(value, list | tuple) and list(value) == [AUTO])


def _apply(rule: str, mine: Points, others: Points) -> list[Any]:
    found: list[Any] = []
    for word in rule.split("+"):
        bare = word.removesuffix(PRE)
        places = RULES[bare](mine, others) if bare in RULES else [bare] if bare in mine else []
        if not places:
            return []
        found += [f"{place}{PRE}" for place in places] if word.endswith(PRE) else places
    return found


def _list_stages(points: Points) -> list[str]:
    numbered = [(int(match[1]), point) for point in points if (match := STAGE.fullmatch(point))]
    return [point for _, point in sorted(numbered)]


def _pick(position: Callable[[int], int]) -> Callable[[Points, Points], list[Any]]:
    def pick(mine: Points, _: Points) -> list[Any]:
        stages = _list_stages(mine)
        return [stages[position(len(stages))]] if stages else []

    return pick


def _match_last(listed: Callable[[Points], list[Any]]) -> Callable[[Points, Points], list[Any]]:
    def match(mine: Points, others: Points) -> list[Any]:
        count = min(len(listed(mine)), len(listed(others)))
        return listed(mine)[-count:] if count else []

    return match


def _list_maps(points: Points) -> list[str]:
    return [*(["stem"] if "stem" in points else []), *_list_stages(points)]


RULES: Mapping[str, Callable[[Points, Points], list[Any]]] = {
    "first": _pick(lambda count: 0),
    "middle": _pick(lambda count: (count - 1) // 2),
    "last": _pick(lambda count: -1),
    "stages": _match_last(_list_stages),
    "maps": _match_last(_list_maps),
    "pairs": _match_last(lambda points: [list(pair) for pair in pairwise(_list_maps(points))]),
}
