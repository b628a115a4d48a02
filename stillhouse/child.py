"""A process that `up` watches: started in a session of its own, swept with it, started again when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from distill_core.errors import StillhouseError
from stillhouse.local_run import read_log_tail

QUICK_DEATH_S = 10.0
MAX_QUICK_DEATHS = 4


class ChildFailedError(StillhouseError):
    """A process of the service dies whenever it is started."""

    code = "child_failed"


class Child:
    """A command of `stillhouse` that should be running.

    Args:
        name: what people call it.
        arguments: the command, such as ("server",).
        environment: variables beside those of this process.
        log: file that its output is added to.
    """

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = [sys.executable, "-P", "-m", "stillhouse", *arguments, "--parent-pid", str(os.getpid())]
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._quick_deaths = 0
        self._due_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started_at, self._due_at = time.monotonic(), None

    def revive(self) -> str | None:
        """Start the process again if it has died and its pause is over; return what to tell about it, if anything.

        Raises:
            ChildFailedError: it has died soon after its start too many times in a row; ends with its log's last lines.
        """
        if self._due_at is not None and time.monotonic() >= self._due_at:
            self.start()
        code = self.take_exit()
        if code is None:
            return None
        is_quick = time.monotonic() - self._started_at < QUICK_DEATH_S
        self._quick_deaths = self._quick_deaths + 1 if is_quick else 0
        if self._quick_deaths >= MAX_QUICK_DEATHS:
            raise ChildFailedError(
                f"the {self.name} {describe_exit(code)} {self._quick_deaths} times in a row soon after its start. "
                f"The end of its log, {self.log}:\n{read_log_tail(self.log)}"
            )
        pause_s = 0.5 * 2 ** max(self._quick_deaths - 1, 0)
        self._due_at = time.monotonic() + pause_s
        return f"the {self.name} {describe_exit(code)}; starting it again in {pause_s:g} s"

    def take_exit(self) -> int | None:
        """Return the exit code if the process has just ended, with the rest of its session swept; None otherwise."""
        if self._process is None or self._process.poll() is None:
            return None
        code = self._process.returncode
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None
        return code

    def ask_to_end(self) -> None:
        """Send SIGTERM, and never start it again."""
        self._due_at = None
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL to its whole session."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def describe_exit(code: int) -> str:
    """Return how a process ended, in words."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
