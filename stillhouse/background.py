"""`stillhouse up` as a child of this process, for as long as it is needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distill_core.errors import StillhouseError
from stillhouse.local_run import read_log_tail

END_LIMIT_S = 180.0


class NotStartedError(StillhouseError):
    """The service ended before it was ready."""

    code = "not_started"


@dataclass(frozen=True, slots=True)
class BackgroundService:
    """A running service.

    Attributes:
        url: of its API.
        page: address that opens the dashboard signed in.
        process: the `up` that watches it.
    """

    url: str
    page: str
    process: subprocess.Popen[str]


@contextmanager
def start_service(home: Path, *, port: int = 0, worker_slots: int = 1) -> Iterator[BackgroundService]:
    """Start the service of a home, yield it when it is ready, and end it as Ctrl-C would.

    Raises:
        NotStartedError: it ended before it was ready; carries the last lines of what it said.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "stillhouse", "up", "--json", "--home", str(home), "--port", str(port)]
    command += ["--worker-slots", str(worker_slots), "--parent-pid", str(os.getpid())]
    log = home / "up.log"
    with log.open("wb") as messages:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            start_new_session=True,
        )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            process.wait()
            raise NotStartedError(f"the service did not start. It said:\n{read_log_tail(log)}")
        ready = json.loads(line)
        yield BackgroundService(ready["url"], ready["page"], process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(END_LIMIT_S)
        if process.stdout:
            process.stdout.close()
