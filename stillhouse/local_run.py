"""An experiment executed here, without a server: the engine as a child process, read through its events file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from distill_core.errors import StillhouseError
from stillhouse.display import Reading

POLL_S = 0.2
STOPPED_EXIT = 75
"""How the engine exits when it was told to stop and has saved a checkpoint."""


class EngineMissingError(StillhouseError):
    """The engine is not installed here."""

    code = "engine_missing"


@dataclass(slots=True)
class Progress:
    """What the engine's events have told so far."""

    state: str = "starting"
    step: int | None = None
    total_steps: int | None = None
    eta_s: float | None = None
    values: dict[str, float | str] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> None:
        """Move on by one event."""
        kind = event["type"]
        if kind in {"succeeded", "stopped", "failed"}:
            self.state, self.eta_s = kind, None
        elif kind == "run_started":
            self.state = "running"
        self.step = event.get("step", self.step)
        self.total_steps = event.get("total_steps", self.total_steps)
        self.eta_s = event.get("eta_s", self.eta_s)
        self.values |= event.get("values") or {}

    def reading(self) -> Reading:
        """Return the progress as displays show it."""
        return Reading(self.state, self.step, self.total_steps, self.eta_s, self.values)


def choose_folder(name: str, now: datetime) -> Path:
    """Return a folder for a run: its title and the time."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
    return Path("runs") / f"{slug[:48]}-{now:%Y%m%d-%H%M%S}"


def find_checkpoint(folder: Path) -> Path:
    """Return the newest checkpoint of a run's folder.

    Raises:
        StillhouseError: there is none.
    """
    checkpoints = sorted(folder.glob("checkpoints/step-*.pt"))
    if not checkpoints:
        raise StillhouseError(f"there is no checkpoint to resume from in {folder / 'checkpoints'}")
    return checkpoints[-1]


def write_inputs(folder: Path, inputs: Mapping[str, Path]) -> Path:
    """Write the engine's list of the artifacts that the spec names, and return its path."""
    described = {}
    for artifact_id, path in inputs.items():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        described[artifact_id] = {"path": str(path.resolve()), "sha256": digest}
    target = folder / "inputs.json"
    target.write_text(json.dumps(described, indent=2))
    return target


def run_engine(
    folder: Path, spec: Any, *, inputs: Mapping[str, Path], resume: bool, watch: Callable[[dict[str, Any]], None]
) -> int:
    """Execute a spec in a folder and return the engine's exit code; Ctrl-C makes it save a checkpoint and stop.

    Args:
        folder: where checkpoints, artifacts, events.jsonl and engine.log go.
        spec: the experiment spec as plain data.
        inputs: files of the artifacts that the spec names.
        resume: go on from the folder's newest checkpoint.
        watch: called with each event.

    Raises:
        EngineMissingError: torch is not installed here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spec_path = folder / "spec.json"
    spec_path.write_text(json.dumps(spec, indent=2))
    command = [sys.executable, "-P", "-m", "distill_core", "run", str(spec_path), "--folder", str(folder)]
    command += ["--inputs", str(write_inputs(folder, inputs))] if inputs else []
    command += ["--resume", str(find_checkpoint(folder))] if resume else []
    if "STILLHOUSE_CACHE_ROOT" not in os.environ:
        command += ["--cache-root", str(Path.home() / ".cache/stillhouse/teacher-cache")]
    command += ["--parent-pid", str(os.getpid())]
    events = folder / "events.jsonl"
    offset = events.stat().st_size if events.exists() else 0
    with (folder / "engine.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    with _passing_on_interrupts(process):
        for event in _follow(events, offset, process):
            watch(event)
    return process.wait()


def read_log_tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _follow(path: Path, offset: int, process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the events that are written behind `offset` until the process has ended."""
    while True:
        has_ended = process.poll() is not None
        lines = _read_whole_lines(path, offset)
        for line in lines:
            offset += len(line)
            yield json.loads(line)
        if has_ended:
            return
        time.sleep(POLL_S)


def _read_whole_lines(path: Path, offset: int) -> Sequence[bytes]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(offset)
        return [line for line in file if line.endswith(b"\n")]


@contextmanager
def _passing_on_interrupts(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into SIGTERM for the engine; the second time into SIGKILL."""
    times = 0

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        process.send_signal(signal.SIGTERM if times == 1 else signal.SIGKILL)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
