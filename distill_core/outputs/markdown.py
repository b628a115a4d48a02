"""Tables and numbers as Markdown shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["format_bytes", "format_count", "format_value", "write_list", "write_table"]

UNITS = ("B", "kB", "MB", "GB", "TB")
PREFIXES = ("", "k", "M", "G", "T", "P")


def write_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what would break out of a cell is taken out."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def write_list(items: Iterable[str]) -> str:
    """Return a bulleted list."""
    return "\n".join(f"- {' '.join(item.split())}" for item in items)


def format_value(value: Any) -> str:
    """Return plain data in words: `lr 0.1, momentum 0.9`; what is None is left out."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {format_value(entry)}" for name, entry in value.items() if entry is not None)
    if isinstance(value, list | tuple):
        return f"[{', '.join(format_value(entry) for entry in value)}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def format_count(count: float) -> str:
    """Return a large count in short: `1.24 M`."""
    return _scale(count, PREFIXES)


def format_bytes(count: float) -> str:
    """Return a size in short, in powers of 1000: `1.24 MB`."""
    return _scale(count, UNITS)


def _scale(count: float, units: Sequence[str]) -> str:
    power = 0
    while count >= 999.5 and power < len(units) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.3g} {units[power]}".rstrip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
