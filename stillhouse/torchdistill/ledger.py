"""What of a file has been carried over: a part that nobody took is found, so that nothing is lost in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from distill_core.spec.document import join_pointer
from stillhouse.torchdistill.document import Document, Tagged


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know of a place of the file.

    Attributes:
        pointer: JSON pointer to the place.
        line: line of the file, from 1; 0 where the place is none of the file.
        message: what became of it.
        is_loss: whether what the file says is not in the spec; else it is, or changes no result.
    """

    pointer: str
    line: int
    message: str
    is_loss: bool

    def as_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"pointer": self.pointer, "line": self.line, "message": self.message}


@dataclass(slots=True)
class Ledger:
    """The places of a file that were taken, and what was remarked of them."""

    document: Document
    taken: set[str] = field(default_factory=set)
    remarks: list[Remark] = field(default_factory=list)

    def open(self) -> Part:
        """Return the whole file as a part."""
        return Part(self.document.value, "", self)

    def remark(self, pointer: str, message: str, *, is_loss: bool) -> None:
        """Remember something of a place, once."""
        remark = Remark(pointer, self.document.lines.get(pointer, 0), message, is_loss)
        if remark not in self.remarks:
            self.remarks.append(remark)

    def close(self) -> None:
        """Remark every value that nobody took; what is empty says nothing, and names with a _ only hold anchors."""
        for pointer, value in _find_values(self.document.value, ""):
            steps = pointer.split("/")[1:]
            above = {"/" + "/".join(steps[: depth + 1]) for depth in range(len(steps))}
            if not above & self.taken and not any(step.startswith("_") for step in steps):
                self.remark(pointer, f"{value!r:.60} has no counterpart here", is_loss=True)


class Part:
    """A value of the file, at its place."""

    def __init__(self, value: Any, pointer: str, ledger: Ledger) -> None:
        self._value = value
        self.pointer = pointer
        self._ledger = ledger

    def find(self, *path: str) -> Part:
        """Return what lies below, by names; a part without a value where there is nothing."""
        value, pointer = self._value, self.pointer
        for step in path:
            inner = value.value if isinstance(value, Tagged) else value
            value = inner.get(step) if isinstance(inner, dict) else None
            pointer = join_pointer(pointer, step)
        return Part(value, pointer, self._ledger)

    def __bool__(self) -> bool:
        return self._value not in (None, [], {}, "")

    def items(self) -> Iterator[tuple[str, Part]]:
        """Yield the entries of a dictionary, without those that only hold anchors."""
        inner = self._value.value if isinstance(self._value, Tagged) else self._value
        for name in inner if isinstance(inner, dict) else ():
            if not name.startswith("_"):
                yield name, self.find(name)

    def values(self) -> Iterator[Part]:
        """Yield the values of a dictionary, without those that only hold anchors."""
        for _, part in list(self.items()):
            yield part

    def elements(self) -> Iterator[Part]:
        """Yield the elements of a list."""
        inner = self._value if isinstance(self._value, list) else []
        for index, value in enumerate(inner):
            yield Part(value, f"{self.pointer}/{index}", self._ledger)

    def peek(self) -> Any:
        """Return the value without taking it."""
        return self._value

    def take(self) -> Any:
        """Return the value, all of which is in the spec now."""
        self._ledger.taken.add(self.pointer)
        return self._value

    def take_number(self, default: float | None = None) -> Any:
        """Return a number; YAML reads 1e-4 as text."""
        value = self.take()
        number = _as_number(value)
        if number is None and value is not None:
            self.lose(f"{value!r:.60} is no number")
        return default if number is None else number

    def take_numbers(self) -> list[Any]:
        """Return a list of numbers."""
        value = self.take()
        numbers = [_as_number(entry) for entry in value] if isinstance(value, list) else []
        if None in numbers or (value is not None and not isinstance(value, list)):
            self.lose(f"{value!r:.60} is no list of numbers")
        return [number for number in numbers if number is not None]

    def take_text(self) -> str:
        """Return a text, empty where there is none."""
        value = self.take()
        if value is not None and not isinstance(value, str):
            self.lose(f"{value!r:.60} is no text")
        return value if isinstance(value, str) else ""

    def take_name(self) -> str:
        """Return a text, the last of its dotted names; empty where there is none."""
        value = self.take()
        return value.rpartition(".")[2] if isinstance(value, str) else ""

    def lose(self, message: str) -> None:
        """Say that this is not in the spec."""
        self._ledger.taken.add(self.pointer)
        self._ledger.remark(self.pointer, message, is_loss=True)

    def lose_if_there(self, message: str) -> None:
        """Say that this is not in the spec, where the file has it."""
        if self:
            self.lose(message)

    def note(self, message: str) -> None:
        """Say something of what is in the spec, or changes no result."""
        self._ledger.taken.add(self.pointer)
        if self._value is not None:
            self._ledger.remark(self.pointer, message, is_loss=False)

    def nothing(self) -> Part:
        """Return a part without a value, for what the file need not say."""
        return Part(None, self.pointer, self._ledger)


def _as_number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**62
    return value if is_number else None


def _find_values(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    inner = value.value if isinstance(value, Tagged) else value
    if isinstance(inner, dict):
        for name, child in inner.items():
            yield from _find_values(child, join_pointer(pointer, name))
    elif isinstance(inner, list):
        for index, child in enumerate(inner):
            yield from _find_values(child, f"{pointer}/{index}")
    elif inner is not None and inner != "":
        yield pointer, inner
