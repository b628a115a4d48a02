"""Small experiments on the digits, run by the engine's own command in this process or in one of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_core.cli import main

ROOT = Path(__file__).parents[2]


def distillation(**changes: Any) -> dict[str, Any]:
    """Return a spec of two short stages: a teacher is trained, then it teaches a student with dropout."""
    sgd = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}
    document: dict[str, Any] = {
        "version": 1,
        "name": "digits, twice",
        "models": {"teacher": {"model": "resnet8"}, "student": {"model": "light_nn"}},
        "data": {
            "train": {
                "dataset": "digits",
                "num_samples": 200,
                "views": {
                    "main": {"transforms": [{"transform": "random_crop", "padding": 1}, {"transform": "normalize"}]}
                },
            },
            "test": {"dataset": "digits", "split": "test", "num_samples": 100},
        },
        "stages": [
            {
                "name": "teach",
                "student": "teacher",
                "train": "train",
                "validate_on": "test",
                "epochs": 2,
                "batch_size": 64,
                "objective": {"ce": {"method": "ce"}},
                "optimizer": sgd,
                "schedule": {"schedule": "cosine"},
            },
            {
                "name": "distil",
                "student": "student",
                "teachers": ["teacher"],
                "epochs": 3,
                "objective": {"ce": {"method": "ce", "weight": 0.5}, "kd": {"method": "kd", "weight": 0.5}},
                "optimizer": {"optimizer": "adam", "lr": 0.002},
                "keep": "best",
            },
        ],
        "runtime": {"device": "cpu", "log_interval_steps": 3, "checkpoint_interval_s": 3600},
        "evaluation": {"stream": "test", "metrics": ["accuracy", "nll", "ece", "agreement"], "latency": False},
    }
    return document | changes


def supervised(**changes: Any) -> dict[str, Any]:
    """Return a spec of one short stage without a teacher."""
    document = distillation()
    document["stages"] = document["stages"][:1]
    document["models"] = {"teacher": {"model": "resnet8"}}
    document["evaluation"]["metrics"] = ["accuracy", "nll"]
    return document | changes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind."""

    folder: Path
    code: int

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event of the run."""
        return [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        """The event that says how it ended."""
        return self.events[-1]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of one type."""
        return [event for event in self.events if event["type"] == kind]

    def metrics(self) -> list[tuple[str, int, dict[str, Any]]]:
        """Return all measured values with their places, without their times."""
        return [(event["stage"], event["step"], event["values"]) for event in self.of("metrics")]

    @property
    def student(self) -> bytes:
        """The student's file."""
        return (self.folder / "artifacts/student.safetensors").read_bytes()

    @property
    def newest_checkpoint(self) -> Path:
        """The checkpoint to resume from."""
        return max((self.folder / "checkpoints").glob("step-*.pt"))


def command(document: Any, folder: Path, *options: str | Path) -> list[str]:
    """Write the spec and return the arguments of the engine's command."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder / "input.json"
    spec.write_text(json.dumps(document))
    return ["run", str(spec), "--folder", str(folder), *map(str, options)]


def run(document: Any, folder: Path, *options: str | Path, data_root: str | None = "data") -> Outcome:
    """Run an experiment in this process, with data from a folder below its own."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    roots: list[str | Path] = [] if data_root is None else ["--data-root", folder / data_root]
    try:
        return Outcome(folder, main(command(document, folder, *options, *roots)))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def start(document: Any, folder: Path) -> subprocess.Popen[bytes]:
    """Start an experiment in a process of its own."""
    arguments = [sys.executable, "-P", "-m", "distill_core", *command(document, folder)]
    return subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL)


class StopAfter(threading.Event):
    """A wish to stop that is heard at one certain step."""

    def __init__(self, boundaries: int) -> None:
        super().__init__()
        self._left = boundaries

    def is_set(self) -> bool:
        """Return whether enough step boundaries have gone by."""
        self._left -= 1
        return self._left < 0
