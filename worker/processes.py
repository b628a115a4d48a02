"""Processes of engines, found by the marks in their environment, and their end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_INSTALLATION = "STILLHOUSE_INSTALLATION"
_JOB = "STILLHOUSE_JOB_ID"
_ATTEMPT = "STILLHOUSE_ATTEMPT"
_TOKEN = "STILLHOUSE_TOKEN"  # noqa: S105  a lease's number, no secret


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose process it is: which installation, which job, under which lease."""

    installation: str
    job_id: str
    attempt: int
    token: int

    @classmethod
    def read(cls, pid: int) -> Self | None:
        """Return the mark of a process, None where it has none or is gone."""
        try:
            raw = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return None
        pairs = (entry.partition("=") for entry in raw.decode("utf-8", "replace").split("\0"))
        environment = {name: value for name, _, value in pairs if name.startswith("STILLHOUSE_")}
        try:
            return cls(
                environment[_INSTALLATION],
                environment[_JOB],
                int(environment[_ATTEMPT]),
                int(environment[_TOKEN]),
            )
        except (KeyError, ValueError):
            return None

    def as_environment(self) -> dict[str, str]:
        """Return the variables that every process of an attempt carries."""
        return {
            _INSTALLATION: self.installation,
            _JOB: self.job_id,
            _ATTEMPT: str(self.attempt),
            _TOKEN: str(self.token),
        }


def find_marked(installation: str) -> Iterator[tuple[int, Mark]]:
    """Yield the pid and the mark of every process of an installation on this host."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (mark := Mark.read(int(entry.name))) and mark.installation == installation:
            yield int(entry.name), mark


def kill_marked(installation: str, is_doomed: Callable[[Mark], bool]) -> list[Mark]:
    """SIGKILL the processes of an installation whose mark is doomed; return the marks of those that were there."""
    return [mark for pid, mark in find_marked(installation) if is_doomed(mark) and _kill(pid, mark)]


def end_processes(mark: Mark, patience_s: float) -> bool:
    """SIGKILL everything with `mark` until nothing of it lives; False when something outlives the patience."""
    deadline = time.monotonic() + patience_s
    while kill_marked(mark.installation, lambda other: other == mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _kill(pid: int, mark: Mark) -> bool:
    """SIGKILL a process unless its number has passed to another one since its mark was read."""
    with suppress(OSError), closing(_Handle(pid)) as handle:
        if Mark.read(pid) == mark:
            signal.pidfd_send_signal(handle.number, signal.SIGKILL)
            return True
    return False


class _Handle:
    """A process that keeps its identity while it is looked at."""

    def __init__(self, pid: int) -> None:
        self.number = os.pidfd_open(pid)

    def close(self) -> None:
        """Let the process go."""
        os.close(self.number)
