"""Documents held against one another, place by place: what server and clients mean by a difference of specs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from distill_core.spec.document import join_pointer

__all__ = ["are_equal", "flatten"]


def flatten(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a document with its JSON pointer; empty containers and lists of plain values are leaves."""
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from flatten(child, join_pointer(pointer, name))
    elif isinstance(value, list) and any(isinstance(child, dict | list) for child in value):
        for index, child in enumerate(value):
            yield from flatten(child, join_pointer(pointer, index))
    else:
        yield pointer, value


def are_equal(values: Sequence[Any]) -> bool:
    """Return whether leaves say the same; true is not 1, though Python takes them for equal."""
    return all(value == values[0] and isinstance(value, bool) is isinstance(values[0], bool) for value in values)
