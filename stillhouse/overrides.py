"""Small changes to a spec by place and value, as the command line and the demo make them."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from distill_core.errors import Problem, SpecError
from distill_core.spec import parse_document


def apply_overrides(document: Any, overrides: Iterable[str]) -> Any:
    """Return a copy of the spec with `place=value` changes made; values are YAML, places dotted.

    Numbers in a place are positions in lists: `stages.0.epochs=3`. Names that are not there yet are added.

    Raises:
        SpecError: a change has no `=`, or its place leads through something that is neither object nor list.
    """
    changed = copy.deepcopy(document)
    for override in overrides:
        place, equals, text = override.partition("=")
        if not equals or not place:
            raise _refusal(override, "a change is written place=value")
        *parents, last = place.split(".")
        node = changed
        for step in parents:
            node = _enter(node, step, override)
        _put(node, last, parse_document(text), override)
    return changed


def _enter(node: Any, step: str, override: str) -> Any:
    if isinstance(node, dict):
        if node.get(step) is None:
            node[step] = {}
        return node[step]
    return node[_position(node, step, override)]


def _put(node: Any, step: str, value: Any, override: str) -> None:
    if isinstance(node, dict):
        node[step] = value
    else:
        node[_position(node, step, override)] = value


def _position(node: Any, step: str, override: str) -> int:
    if not isinstance(node, list):
        raise _refusal(override, f"there is no {step!r} inside a plain value")
    if not step.isdigit() or int(step) >= len(node):
        raise _refusal(override, f"{step!r} is no position in a list of {len(node)}")
    return int(step)


def _refusal(override: str, message: str) -> SpecError:
    return SpecError([Problem("", "override_invalid", f"{message}: {override!r}", override)])
