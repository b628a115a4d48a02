"""A term may hand on another model in the student's place: that is what is validated, saved and loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from distill_core.engine.carry import Carry
from distill_core.errors import SpecError
from distill_core.models.reused_classifier import ReusedClassifier
from distill_core.weights import load_student
from tests.distill_core.engine.stages import Ground, document
from tests.distill_core.experiments import run

SIMKD: dict[str, Any] = {"validate_on": "validation", "objective": {"simkd": {"method": "simkd"}}}


def learn(folder: Path, **stage: Any) -> Carry:
    return Ground.of(document(SIMKD | stage), folder).run()


def test_the_model_that_is_handed_on_is_the_terms(tmp_path: Path) -> None:
    assert isinstance(learn(tmp_path).models["student"], ReusedClassifier)


def test_a_running_mean_covers_the_modules_of_the_term(tmp_path: Path) -> None:
    last = learn(tmp_path / "last").models["student"].state_dict()
    mean = learn(tmp_path / "mean", ema={"decay": 0.9, "warmup": False}).models["student"].state_dict()
    learning = [name for name in last if "projector" in name and last[name].is_floating_point()]
    assert learning
    assert any(not last[name].equal(mean[name]) for name in learning)


def test_what_is_downloaded_is_what_was_evaluated(tmp_path: Path) -> None:
    spec = document(SIMKD)
    spec["evaluation"] = {"stream": "validation", "metrics": ["accuracy"], "latency": False}
    outcome = run(spec, tmp_path)
    assert outcome.code == 0
    student = load_student(tmp_path / "artifacts/student.safetensors")
    stream = Ground.of(spec, tmp_path).stages[0].validation
    assert isinstance(student, ReusedClassifier)
    assert stream is not None
    batch = stream.batch(torch.arange(len(stream)), 0, (stream.main_view,))
    images = batch.inputs[stream.main_view]
    with torch.no_grad():
        hits = (student(images).argmax(1) == batch.labels).double().mean().item()
    (figures,) = [event["values"] for event in outcome.of("evaluated")]
    assert figures["test/accuracy"] == pytest.approx(hits)


def test_two_terms_cannot_both_hand_on_a_model(tmp_path: Path) -> None:
    objective = {name: {"method": "simkd"} for name in ("one", "other")}
    with pytest.raises(SpecError) as caught:
        learn(tmp_path, objective=objective)
    assert caught.value.problems[0].pointer == "/stages/0/objective"
