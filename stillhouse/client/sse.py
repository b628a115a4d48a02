"""Server-sent events: reading frames from bytes, and following a stream over cuts of the connection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from stillhouse.client.transport import Transport

SILENCE_S = 45.0
"""The server pings every 15 s: after three missing pings the connection is dead."""

PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event."""

    event: str
    id: str | None
    data: str

    def document(self) -> Any:
        """Return the JSON that the frame carries."""
        return json.loads(self.data)


def read_frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Yield the frames of a stream; one that was cut before its empty line is dropped."""
    fields: dict[str, list[str]] = {}
    for line in _read_lines(chunks):
        if not line and fields.get("data"):
            yield Frame(fields.get("event", ["message"])[-1], fields.get("id", [None])[-1], "\n".join(fields["data"]))
        if not line:
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))


def follow(transport: Transport, path: str, params: Mapping[str, Any], last_id: str | None = None) -> Iterator[Frame]:
    """Yield frames until the server says `end`; after a cut, go on behind the last frame that arrived."""
    while True:
        headers = {"accept": "text/event-stream"} | ({"last-event-id": last_id} if last_id else {})
        try:
            with transport.stream(path, params=params, headers=headers, read_timeout_s=SILENCE_S) as response:
                for frame in read_frames(response.iter_bytes()):
                    if frame.event == "end":
                        return
                    last_id = frame.id or last_id
                    yield frame
        except httpx.TransportError:
            pass
        time.sleep(PAUSE_S)


def _read_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Split at line feeds alone: str.splitlines would cut JSON text at U+2028 and its like."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
