"""A run with everything in it that has a state, to be killed and resumed.

Two stages: a teacher is trained, then it teaches a student that has dropout, by a stateful term among others, with a
running mean of the weights, two parts a step, two replayable variants of each sample, a cache, and loader workers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill_core.engine.context import Context
from distill_core.engine.events import EventLog
from distill_core.engine.run import Sources, run
from distill_core.engine.stores import Cache
from distill_core.errors import Stopped
from distill_core.spec import resolve
from tests.distill_core.experiments import ROOT, Outcome, StopAfter, command

FIRST_STAGE = 16
"""Steps of the first stage."""

PATIENCE_S = 120.0
POLL_S = 0.002

Points = dict[tuple[int, str], Any]
"""(step, metric) -> value."""

Moment = Callable[[dict[str, Any]], bool]
"""Whether an event is the one that is waited for."""


def everything(epochs: int = 6, checkpoint_interval_s: float = 3600) -> dict[str, Any]:
    """Return the spec, with so many epochs of 4 steps in its second stage."""
    view = {"transforms": [{"transform": "random_crop", "padding": 1}, {"transform": "normalize"}], "variants": 2}
    return {
        "version": 1,
        "name": "all that has a state",
        "models": {"teacher": {"model": "deep_nn"}, "student": {"model": "light_nn"}},
        "data": {
            "train": {"dataset": "digits", "num_samples": 200, "views": {"main": view}},
            "test": {"dataset": "digits", "split": "test", "num_samples": 50},
        },
        "stages": [
            {
                "name": "teach",
                "student": "teacher",
                "train": "train",
                "validate_on": "test",
                "epochs": 4,
                "batch_size": 48,
                "drop_last": True,
                "objective": {"ce": {"method": "ce"}},
                "optimizer": {"optimizer": "adam", "lr": 0.003},
            },
            {
                "name": "distil",
                "student": "student",
                "teachers": ["teacher"],
                "epochs": epochs,
                "accumulate": 2,
                "objective": {
                    "ce": {"method": "ce", "weight": 0.5},
                    "kd": {"method": "kd", "weight": {"schedule": "ramp", "start": 0.5, "end": 0.9, "over": 4}},
                    "crd": {"method": "crd", "weight": 0.01, "params": {"embedding_size": 16, "num_negatives": 32}},
                },
                "optimizer": {"optimizer": "sgd", "lr": 0.1, "momentum": 0.5},
                "schedule": {"schedule": "cosine"},
                "ema": {"decay": 0.5},
                "keep": "best",
                "select_by": "nll",
            },
        ],
        "runtime": {
            "device": "cpu",
            "placement": "workers",
            "loader_workers": 2,
            "log_interval_steps": 2,
            "checkpoint_interval_s": checkpoint_interval_s,
        },
        "evaluation": {"stream": "test", "metrics": ["accuracy", "nll", "agreement"], "latency": False},
        "outputs": {"curves": [], "card": False},
    }


@dataclass(slots=True)
class Attempts:
    """One run in one folder, whose name it bears, started as often as it takes, each time in a process of its own.

    Attributes:
        document: the spec.
        folder: the run's folder.
        options: further options of the engine's command.
        codes: how the processes ended so far.
    """

    document: dict[str, Any]
    folder: Path
    options: Sequence[str | Path] = ()
    codes: list[int] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What the run has left so far."""
        return Outcome(self.folder, self.codes[-1] if self.codes else -1)

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start the run, from its newest checkpoint if it has one; what still runs in the end is killed."""
        checkpoints = sorted((self.folder / "checkpoints").glob("step-*.pt"))
        resume: list[str | Path] = ["--resume", checkpoints[-1]] if checkpoints else []
        arguments = command(self.document, self.folder, "--run-id", self.folder.name, *resume, *self.options)
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "distill_core", *arguments], cwd=ROOT, env=environment, stderr=log
            )
        try:
            yield process
        finally:
            process.kill()
            self.codes.append(process.wait())

    def finish(self) -> Outcome:
        """Go on to the end, undisturbed."""
        with self.started() as process:
            process.wait(PATIENCE_S)
        return self.outcome

    def interrupt(self, number: int, moment: Moment, delay_s: float = 0.0) -> None:
        """Go on, and send a signal some time after an event; the run may be faster and end."""
        known_bytes = self._num_bytes()
        with self.started() as process:
            self.await_event(process, moment, known_bytes)
            time.sleep(delay_s)
            process.send_signal(number)
            process.wait(PATIENCE_S)

    def await_event(self, process: subprocess.Popen[bytes], moment: Moment, known_bytes: int = 0) -> None:
        """Wait until the run has told of an event, or has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            is_over = process.poll() is not None
            if is_over or any(map(moment, self._read_events(known_bytes))):
                return
            time.sleep(POLL_S)
        raise TimeoutError(f"the event never came; the log: {(self.folder / 'log').read_text()[-2000:]}")

    def _num_bytes(self) -> int:
        path = self.folder / "events.jsonl"
        return path.stat().st_size if path.is_file() else 0

    def _read_events(self, known_bytes: int) -> list[dict[str, Any]]:
        path = self.folder / "events.jsonl"
        if not path.is_file():
            return []
        with path.open("rb") as file:
            file.seek(known_bytes)
            return [json.loads(line) for line in file if line.endswith(b"\n")]


def run_until(
    document: dict[str, Any], folder: Path, num_boundaries: int, *, cache: Path | None = None, data: Path | None = None
) -> Outcome:
    """Go on with a run in this process, from its newest checkpoint, and stop it after so many step boundaries."""
    spec = resolve(document)
    checkpoint = max((folder / "checkpoints").glob("step-*.pt"), default=None)
    sources = Sources(data or folder, checkpoint=checkpoint, cache=Cache(cache, token=folder.name))
    with EventLog(folder / "events.jsonl") as events, suppress(Stopped):
        run(spec, sources, Context(folder, events, StopAfter(num_boundaries), spec.runtime))
    return Outcome(folder, 0)


def at_step(step: int, kind: str = "checkpoint") -> Moment:
    """Return the moment when something of a step, or of a later one, is told."""
    return lambda event: event["type"] == kind and event.get("step", -1) >= step


def told(kind: str, **fields: Any) -> Moment:
    """Return the moment of an event with some fields."""
    return lambda event: event["type"] == kind and all(event.get(name) == value for name, value in fields.items())


def counted_points(outcome: Outcome) -> Points:
    """Return what was measured, as the service counts it: an attempt gives way where the next one started.

    What is measured of the host (`system/...`) is no part of a run that should repeat.
    """
    points: Points = {}
    for event in outcome.events:
        if event["type"] == "run_started":
            start = event["resumed_from_step"] or 0
            points = {(step, key): value for (step, key), value in points.items() if step <= start}
        if event["type"] == "metrics":
            values = event["values"].items()
            points |= {(event["step"], key): value for key, value in values if not key.startswith("system/")}
    return points
