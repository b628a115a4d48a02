"""Two processes that share each batch learn what one process does with the whole of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from distill_core.engine.checkpoint import load_checkpoint
from distill_core.methods import METHODS
from tests.contracts.lessons import special, stages_of, unless_exempt
from tests.distill_core.experiments import ROOT, command

pytestmark = pytest.mark.timeout(1500)  # a run trains a student with every method

TOLERANCE = 1e-9
"""Of the weights after six steps in float64, relative to the largest of a tensor."""


COMMON = {
    "epochs": 2,
    "batch_size": 16,
    "accumulate": 1,
    "further": {},
    "frozen": [],
    "optimizer": {"optimizer": "sgd", "lr": 0.02, "momentum": 0.9},
}

LAST = {"name": "last", **COMMON, "student": "student_ce", "train": "train_ce", "objective": {"ce": {"method": "ce"}}}
"""At its start a checkpoint is made, with the students of all stages before."""


def document(num_devices: int) -> dict[str, Any]:
    """Return a spec that trains a student of its own with every method."""
    stages: list[dict[str, Any]] = []
    models: dict[str, Any] = {"teacher": {"model": "resnet14"}}
    data: dict[str, Any] = {"train": {"dataset": "digits", "num_samples": 40}}
    for key in METHODS:
        if "two_ranks" in special(key).exempt:
            continue
        known = special(key)
        stream = {**data["train"], **({"views": dict(known.views)} if known.views else {})}
        models |= {f"student_{key}": {"model": "resnet8"}, **known.models}
        data |= {f"train_{key}": stream, **known.data}
        for number, stage in enumerate(stages_of(key, "same family")):
            roles = {"student": f"student_{key}", "teachers": ["teacher", *known.models], "train": f"train_{key}"}
            stages.append({"name": f"{key}_{number}", **COMMON, **roles, **stage})
    stages.append(LAST)
    return {
        "version": 1,
        "name": "all methods",
        "models": models,
        "data": data,
        "stages": stages,
        "runtime": {
            "device": "cpu",
            "precision": "fp64",
            "devices": num_devices,
            "threads": 1,
        },
        "evaluation": {"latency": False},
        "outputs": {"curves": [], "card": False},
    }


def train(num_devices: int, folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Run the spec in processes of its own, and return the weights of every student."""
    arguments = [sys.executable, "-P", "-m", "distill_core", *command(document(num_devices), folder)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, env=os.environ, timeout=700, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    newest = max((folder / "checkpoints").glob("step-*.pt"))
    states: dict[str, dict[str, torch.Tensor]] = load_checkpoint(newest, {})["models"]
    return states


def logged(folder: Path) -> list[dict[str, float]]:
    """Return the losses that a run has logged."""
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [line["values"] for line in lines if line["type"] == "metrics" and "train/loss" in line["values"]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Where one process and two have run."""
    return {count: tmp_path_factory.mktemp(f"ranks{count}") for count in (1, 2)}


@pytest.fixture(scope="module")
def students(folders: dict[int, Path]) -> dict[int, dict[str, dict[str, torch.Tensor]]]:
    """The students of one process and of two."""
    return {count: train(count, folder) for count, folder in folders.items()}


@unless_exempt("two_ranks")
def test_two_ranks_equal_one(key: str, students: dict[int, dict[str, dict[str, torch.Tensor]]]) -> None:
    alone, together = (students[count][f"student_{key}"] for count in (1, 2))
    assert alone.keys() == together.keys()
    for name, tensor in alone.items():
        assert tensor.dtype in (torch.float64, torch.int64)
        scale = max(1.0, float(tensor.abs().max()))
        assert float((tensor - together[name]).abs().max()) <= TOLERANCE * scale, name


@pytest.mark.usefixtures("students")
def test_two_ranks_log_the_losses_of_the_whole_batch(folders: dict[int, Path]) -> None:
    alone, together = (logged(folders[count]) for count in (1, 2))
    assert len(alone) == len(together) > len(list(METHODS))
    for one, two in zip(alone, together, strict=True):
        assert two == pytest.approx(one, rel=1e-6)
