"""Real worker processes, and waiting for what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from server.jobs.reconcile import Reconciler
from server.jobs.states import State
from tests.server.jobs.ground import Ground
from worker.processes import Mark, find_marked

PROGRAM = Path(__file__).with_name("worker_program.py")
ROOT = Path(__file__).parents[2]


def wait_for(probe: Callable[[], object], timeout_s: float = 40.0, what: str = "it") -> None:
    """Return once `probe` is true."""
    deadline = time.monotonic() + timeout_s
    while not probe():
        assert time.monotonic() < deadline, f"{what} did not come in {timeout_s} s"
        time.sleep(0.05)


class Crew:
    """The workers and the reconciler of one test."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self.ground = ground
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.reconciler = Reconciler(ground.database, ground.doorbell, ground.settings)
        self.reconciler.start()

    def hire(self, home: str | None = None, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker; a second one on a home of its own by name."""
        homes = {} if home is None else {"STILLHOUSE_HOME": str(self.folder / home)}
        variables = os.environ | self.ground.environment | {"PYTHONPATH": str(ROOT)} | environment | homes
        with (self.folder / f"worker-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, str(PROGRAM), *options], env=variables, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def wait_for_state(self, job_id: str, *states: State, timeout_s: float = 40.0) -> None:
        """Return once a job is in one of the states."""
        wait_for(lambda: self.ground.job(job_id).state in states, timeout_s, f"{states} ({self.logs()})")

    def wait_for_step(self, job_id: str, step: int) -> None:
        """Return once a job is recorded up to a step."""
        wait_for(lambda: (self.ground.job(job_id).step or 0) >= step, what=f"step {step} ({self.logs()})")

    def engines(self, job_id: str) -> list[tuple[int, Mark]]:
        """Return the processes of a job, whichever worker's they are."""
        return [(pid, mark) for home in self.homes() for pid, mark in find_marked(home) if mark.job_id == job_id]

    def homes(self) -> set[str]:
        """Return the installation ids of this test's homes."""
        return {path.read_text() for path in self.folder.glob("*/installation.id")}

    def logs(self) -> str:
        """Return what the workers said."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("worker-*.log")))

    def dismiss(self) -> None:
        """End everything, whatever state it is in."""
        self.reconciler.stop()
        for process in self.processes:
            end_tree(process)
        for home in self.homes():
            for pid, _ in find_marked(home):
                os.kill(pid, signal.SIGKILL)


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a worker and its pool."""
    if process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
    process.wait()
