"""The filesystem broker, with letters that appear whole and in order.

Kombu's own transport creates a message file before it fills it, so a reader may meet an empty one, and names files
after a clock without leading zeros, so their order flips. Here a letter is written beside and renamed into place.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem

_WAIT_S = 0.5


class Channel(filesystem.Channel):
    """A folder of letters, one file each, named by time, an id and the queue."""

    def _put(  # type: ignore[override]  # kombu names this argument in two ways
        self, queue: str, payload: dict[str, Any], **_options: Any
    ) -> None:
        folder = Path(self.data_folder_out)
        letter = folder / f"{time.time_ns():020d}_{uuid4().hex}.{queue}.msg"
        draft = letter.with_suffix(".draft")
        draft.write_text(json.dumps(payload), "utf-8")
        draft.rename(letter)

    def _get(self, queue: str, _timeout: float | None = None) -> dict[str, Any]:
        for letter in sorted(Path(self.data_folder_in).glob(f"*.{queue}.msg")):
            taken = letter.with_suffix(".taken")
            try:
                letter.rename(taken)
            except FileNotFoundError:
                continue  # another process was quicker
            payload: dict[str, Any] = json.loads(taken.read_text("utf-8"))
            taken.unlink()
            return payload
        raise Empty


class Transport(filesystem.Transport):
    """The filesystem transport over our channel."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None, **_options: Any) -> None:
        """Wait for a letter, half a second at most, so that a worker that is asked to stop notices soon."""
        wait_s = min(timeout or _WAIT_S, _WAIT_S)
        super().drain_events(connection, timeout=wait_s)  # type: ignore[no-untyped-call]  # kombu is half typed
