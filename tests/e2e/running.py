"""`stillhouse up` as a test runs it: started, looked into, killed in parts, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from stillhouse.client import Client, Job
from worker.processes import find_marked

QUICK = {
    "STILLHOUSE_HEARTBEAT_S": "1",
    "STILLHOUSE_LEASE_TTL_S": "6",
    "STILLHOUSE_RECONCILE_S": "1",
    "STILLHOUSE_POLL_S": "0.2",
    "STILLHOUSE_RING_S": "5",
    "STILLHOUSE_PORT": "0",
    "OMP_NUM_THREADS": "1",
}
"""Settings that make losses noticed in seconds."""

PATIENCE_S = 150.0


class Up:
    """A running `stillhouse up`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.home = Path(environment["STILLHOUSE_HOME"])
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stillhouse", "up", "--json"],
            env={**os.environ, **QUICK, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(f"up did not start:\n{self.process.communicate()[1]}\n{self.logs()}", pytrace=False)
        self.url: str = json.loads(line)["url"]
        self.key = (self.home / "key").read_text().strip()

    def find(self, *words: str) -> psutil.Process:
        """Return the first process below `up` whose command line holds these words."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            if " ".join(words) in " ".join(process.cmdline()):
                return process
        raise AssertionError(f"no process {' '.join(words)} below up")

    def marked(self) -> list[int]:
        """Return the process ids of this home's engines."""
        installation = self.home / "installation.id"
        return [pid for pid, _ in find_marked(installation.read_text().strip())] if installation.exists() else []

    def interrupt(self) -> str:
        """Press Ctrl-C, wait for the end, and return what was said; no process may be left."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, said + self.logs()
        assert [process for process in below if process.is_running()] == []
        assert self.marked() == []
        return said

    def logs(self) -> str:
        """Return the ends of the logs."""
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in self.home.glob("logs/*.log"))

    def end(self) -> None:
        """End it whatever state it is in."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextmanager
def running_up(environment: Mapping[str, str]) -> Iterator[Up]:
    """Yield a running `up`; end it afterwards if the test has not."""
    up = Up(environment)
    try:
        yield up
    finally:
        up.end()


def wait_for(client: Client, job: Job, is_so: Callable[[Job], bool]) -> Job:
    """Return the job once it is as a test wants it; fail when it is done without."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so(job := client.job(job.id)):
        assert not job.is_done, f"the job ended as {job.state}: {job.status_message}"
        assert time.monotonic() < deadline, f"the job is still {job.state} at step {job.step}"
        time.sleep(0.1)
    return job


def has_reached(step: int, attempt: int = 1) -> Callable[[Job], bool]:
    """Return whether a job runs in this attempt, at or behind this step."""
    return lambda job: job.state == "running" and job.attempt == attempt and (job.step or 0) >= step


def digits_spec(**stage: Any) -> dict[str, Any]:
    """Return a spec of seconds: ResNet-8 on 200 digits, 7 steps an epoch."""
    return {
        "version": 1,
        "name": "e2e",
        "models": {"student": {"model": "resnet8"}},
        "data": {
            "train": {
                "dataset": "digits",
                "num_samples": 200,
                "views": {
                    "main": {"transforms": [{"transform": "random_crop", "padding": 1}, {"transform": "normalize"}]}
                },
            },
            "test": {"dataset": "digits", "split": "test"},
        },
        "stages": [
            {
                "name": "train",
                "student": "student",
                "train": "train",
                "epochs": 2,
                "batch_size": 32,
                "objective": {"ce": {"method": "ce"}},
                "optimizer": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9},
                **stage,
            }
        ],
        "runtime": {"device": "cpu", "threads": 1, "seed": 5, "checkpoint_interval_s": 1, "log_interval_steps": 5},
        "evaluation": {"stream": "test", "latency": False},
    }


def run_engine(folder: Path, spec: dict[str, Any]) -> Path:
    """Run a spec here, without a service and without a break, and return the student's file."""
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-P", "-m", "distill_core", "run", "spec.json", "--folder", "."]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return folder / "artifacts/student.safetensors"
