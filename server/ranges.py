"""Conditional and partial requests (RFC 9110) for content that never changes and has a strong ETag."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from server.problems import RangeNotSatisfiableError

_ONE_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `start` up to `stop`."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def is_known(headers: Mapping[str, str], etag: str) -> bool:
    """Return whether the client says that it has the content already."""
    known = headers.get("if-none-match")
    if known is None:
        return False
    return known.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in known.split(","))


def choose_range(headers: Mapping[str, str], etag: str, size: int) -> ByteRange | None:
    """Return the part that the client wants, None for the whole; several parts at once are answered by the whole.

    Raises:
        RangeNotSatisfiableError: no byte of the content lies in the range.
    """
    match = _ONE_RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if match is None or headers.get("if-range", etag).strip() != etag:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if last and int(last) < int(first):
        return None  # not a range at all
    if start >= stop:
        raise RangeNotSatisfiableError(
            f"the content has {size} bytes", headers={"Content-Range": f"bytes */{size}", "ETag": etag}
        )
    return ByteRange(start, stop)


def describe_attachment(name: str) -> str:
    """Return the Content-Disposition of a download, safe for any name (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]|^\.", "_", name) or "_"
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name.replace('/', '_'), safe='')}"
    return f'attachment; filename="{plain}"{exact}'
