"""A learned process of weights, from its file to the steps of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from distill_core.engine.processes import save_process
from distill_core.weight import LearnedProcess
from tests.distill_core.engine.stages import document
from tests.distill_core.experiments import Outcome, run

PARTS = ("pair1", "pair2", "pair3")


def follow(process: LearnedProcess, folder: Path) -> Outcome:
    """Run a stage of six steps whose term has the process as the weights of its parts."""
    save_process(folder / "weights/process.safetensors", process)
    parts = {"schedule": "process", "source": {"file": "process.safetensors"}}
    term = {"method": "fsp", "weight": 2.0, "parts": parts}
    spec: dict[str, Any] = document({"objective": {"fsp": term}})
    spec["runtime"]["log_interval_steps"] = 1
    return run(spec, folder / "run", "--weights-root", folder / "weights")


def test_each_part_is_weighted_by_the_process_step_by_step(tmp_path: Path) -> None:
    process = LearnedProcess(PARTS, torch.tensor([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]]))
    outcome = follow(process, tmp_path)
    assert outcome.code == 0
    reports = [values for _, _, values in outcome.metrics() if "train/loss" in values]
    assert [values["weight/fsp/pair1"] for values in reports] == pytest.approx([0, 0.4, 0.8, 1.2, 1.6, 2.0])
    for values in reports:
        weighted = [values[f"weight/fsp/{part}"] * values[f"train/fsp/{part}"] for part in PARTS]
        assert values["train/loss"] == pytest.approx(sum(weighted))


def test_a_process_of_another_terms_parts_is_refused_before_the_first_step(tmp_path: Path) -> None:
    outcome = follow(LearnedProcess(("one", "two"), torch.ones(3, 2)), tmp_path)
    assert outcome.last["reason"] == "weights_invalid"
    assert "do not fit its parts: one, two, pair1, pair2, pair3" in outcome.last["message"]
    assert outcome.metrics() == []
