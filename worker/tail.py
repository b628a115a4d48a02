"""Files that grow while they are read: the engine's events by whole lines, its log by chunks."""

from __future__ import annotations

from pathlib import Path

from server.jobs.lines import Line, parse_line
from server.jobs.logs import CHUNK_BYTES
from server.jobs.record import Batch

_BATCH_BYTES = 1 << 20


class EventsTail:
    """Reads the whole lines that were added since the offset."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.offset = 0

    def read(self) -> Batch | None:
        """Return the next lines, at most 1 MiB of them, None where there is no whole line more; moves nothing."""
        raw = _read(self._path, self.offset, _BATCH_BYTES)
        end = raw.rfind(b"\n") + 1
        if not end and len(raw) == _BATCH_BYTES:
            end = len(raw)  # no event is that long: it is taken, as garbage, to get on
        if not end:
            return None
        lines: list[Line] = [parse_line(line) for line in raw[:end].splitlines() if line.strip()]
        return Batch(lines, self.offset, self.offset + end)


class LogTail:
    """Reads what was added to a log, leaving out what is too much to keep anyway."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self.offset = 0

    def read(self) -> bytes:
        """Return the bytes at the offset, at most 64 KiB, ending on a whole character; moves over what is too old."""
        size = self._path.stat().st_size
        self.offset = max(self.offset, size - self._max_bytes)
        return whole_characters(_read(self._path, self.offset, CHUNK_BYTES))


def whole_characters(raw: bytes) -> bytes:
    """Return `raw` without the beginning of a UTF-8 character at its end."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte < 0x80:
            return raw
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return raw[:-back] if back < length else raw
    return raw


def _read(path: Path, offset: int, most: int) -> bytes:
    try:
        with path.open("rb") as source:
            source.seek(offset)
            return source.read(most)
    except FileNotFoundError:
        return b""
