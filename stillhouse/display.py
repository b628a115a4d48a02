"""How long work is shown: live bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

SHOWN_METRICS = {"train/loss": "loss", "val/accuracy": "validation accuracy", "test/accuracy": "test accuracy"}
"""Metrics worth a place beside a bar, and what they are called there."""

LINE_EVERY_S = 10.0

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
"""Marks of the direction of writing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a piece of work is."""

    state: str
    step: int | None = None
    total_steps: int | None = None
    eta_s: float | None = None
    values: Mapping[str, float | str] = field(default_factory=dict)

    def describe(self) -> str:
        """Return the current values in a few words."""
        shown = [key for key in SHOWN_METRICS if key in self.values]
        return "  ".join(f"{SHOWN_METRICS[key]} {_format(self.values[key])}" for key in shown[:1] + shown[1:][-1:])


class Display(Protocol):
    """Shows several pieces of work side by side."""

    def say(self, line: str) -> None:
        """Print a line that stays."""

    def show(self, title: str, reading: Reading) -> None:
        """Show how far the piece of work of that title is."""


class LiveDisplay:
    """Progress bars that move."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(line, highlight=False, markup=False)

    def show(self, title: str, reading: Reading) -> None:
        """Move the bar of that title."""
        if title not in self._tasks:
            shown = one_line(title, most=40)
            self._tasks[title] = self._progress.add_task(shown, total=None, state="", eta="", values="")
        self._progress.update(
            self._tasks[title],
            completed=reading.step or 0,
            total=reading.total_steps,
            state=reading.state,
            eta="" if reading.eta_s is None else f"{format_duration(reading.eta_s)} left",
            values=reading.describe(),
        )


class PlainDisplay:
    """A line when the state changes, and one every ten seconds in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, tuple[str, float]] = {}

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def show(self, title: str, reading: Reading) -> None:
        """Print a line, unless nothing much has changed."""
        state, then = self._last.get(title, ("", 0.0))
        if state == reading.state and time.monotonic() - then < LINE_EVERY_S:
            return
        self._last[title] = (reading.state, time.monotonic())
        steps = f"step {reading.step or 0}/{reading.total_steps}" if reading.total_steps else ""
        title = one_line(title, most=40)
        self.say("  ".join(part for part in (f"{title}: {reading.state}", steps, reading.describe()) if part))


@contextmanager
def open_display(console: Console) -> Iterator[Display]:
    """Yield the display that fits where the console writes to."""
    if not console.is_terminal:
        yield PlainDisplay(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}", style="bold", markup=False),
        TextColumn("{task.fields[eta]}", style="dim"),
        TextColumn("{task.fields[values]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        yield LiveDisplay(progress)


def one_line(text: str, most: int = 200) -> str:
    """Return a text from people so that it can do nothing to a terminal: on one line, bounded, without control codes.

    Args:
        text: anything.
        most: characters that are kept.
    """
    kept = "".join(" " if char.isspace() else char for char in text[: most + 1] if char.isspace() or _is_harmless(char))
    kept = " ".join(kept.split())
    return kept if len(text) <= most else f"{kept[: most - 1]}…"


def _is_harmless(char: str) -> bool:
    """Tell control codes, and marks that turn the direction of what follows, from other characters."""
    return unicodedata.category(char) not in {"Cc", "Cs"} and char not in TURNING


def format_duration(seconds: float) -> str:
    """Return a duration as people say it: 42 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_bytes(size: float) -> str:
    """Return a size as people say it: 512 B, 1.4 MB."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _format(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
