"""What a sweep varies, as people write it on a command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer

from distill_core.spec import SpecError, parse_document
from stillhouse.client import Axis, Halving

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})((?::[^:]*)*)")
_EXPONENT = re.compile(r"[+-]?\d+\.?\d*[eE][+-]?\d+")
_ALLOWED = (
    "allowed are values with commas between them (/runtime/seed=0,1,2), and a range "
    "(/stages/0/optimizer/lr=0.001..0.3), behind which :log divides it by equal ratios, :int keeps to whole numbers, "
    "and :5 takes 5 points of it for a grid"
)


def read_axes(texts: Sequence[str]) -> dict[str, Axis]:
    """Return axes written POINTER=VALUES or POINTER=LOW..HIGH[:log][:int][:POINTS], by their pointers."""
    axes: dict[str, Axis] = {}
    for text in texts:
        pointer, equals, said = text.partition("=")
        if not equals or not said:
            raise _refusal(text, "an axis is written POINTER=VALUES")
        if not pointer.startswith("/"):
            nearest = "/" + pointer.replace(".", "/")
            raise _refusal(text, f"an axis begins with a JSON pointer into the spec; did you mean {nearest}?")
        if pointer in axes:
            raise _refusal(text, f"{pointer} is an axis already; write all its values in one")
        found = _RANGE.fullmatch(said)
        axes[pointer] = _read_range(text, *found.groups()) if found else _read_values(text, said)
    return axes


def read_halving(text: str | None) -> Halving | None:
    """Return a halving written FACTORxRUNGS."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if found is None:
        message = f"{text!r} is not FACTORxRUNGS; 3x2 judges trials at 2 rungs, and one in 3 goes on at each"
        raise typer.BadParameter(message, param_hint="--halving")
    return Halving(factor=int(found[1]), rungs=int(found[2]))


def _read_range(text: str, low: str, high: str, marks: str) -> Axis:
    scale, is_integer, points = "linear", False, None
    for mark in marks.split(":")[1:]:
        if mark == "log":
            scale = "log"
        elif mark == "int":
            is_integer = True
        elif re.fullmatch(r"\d{1,4}", mark):
            points = int(mark)
        else:
            raise _refusal(text, f"{mark!r} says nothing about a range")
    if float(low) >= float(high):
        raise _refusal(text, f"{low} is not less than {high}")
    if scale == "log" and float(low) <= 0:
        raise _refusal(text, f"equal ratios need a range above 0, and this one begins at {low}")
    return Axis(low=float(low), high=float(high), scale=scale, is_integer=is_integer, points=points)


def _read_values(text: str, said: str) -> Axis:
    if ".." in said:
        raise _refusal(text, f"{said!r} is no range of numbers")
    try:
        values: Any = parse_document(f"[{said}]")
    except SpecError:
        raise _refusal(text, f"{said!r} cannot be read as values") from None
    if not values:
        raise _refusal(text, "there are no values")
    return Axis(values=tuple(map(_read_exponent, values)))


def _read_exponent(value: Any) -> Any:
    """Return 1e-3 as the number that it is to people; to YAML it is text."""
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


def _refusal(text: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(f"{text!r}: {message}; {_ALLOWED}", param_hint="--axis")
