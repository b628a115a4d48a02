"""The events file: one JSON object a line, whole lines only, flushed as they are written."""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

__all__ = ["EventLog", "as_json"]


RESERVE_BYTES = 2**14
"""Disk that is kept for the last event: a run that a full disk ended must still be able to say so."""


class EventLog:
    """Appends events to a file that another process tails."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(path)
        self._file = path.open("a", encoding="utf-8")
        self._reserve = path.with_name(f".{path.name}.reserve")
        if path.is_file():
            with suppress(OSError):  # a disk that is full already: whoever writes next will tell
                self._reserve.write_bytes(os.urandom(RESERVE_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reserve.unlink(missing_ok=True)
        self._file.close()

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Write one event; with `failed` the disk that was kept for it is given back."""
        if kind == "failed":
            self._reserve.unlink(missing_ok=True)
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps(as_json({"time": time, "type": kind, **fields}), ensure_ascii=False, allow_nan=False)
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            error.add_note(f"while writing {self._file.name}")
            raise


def as_json(value: Any) -> Any:
    """Return plain data as JSON can say it: NaN and infinities become words."""
    if isinstance(value, dict):
        return {key: as_json(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(child) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _drop_torn_line(path: Path) -> None:
    """Cut off what a killed process wrote of its last line; readers only ever took whole lines."""
    if path.is_file():
        with path.open("r+b") as file:
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)
