"""A trained student as a torch module."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from distill_core.models import MODELS
from distill_core.weights import save_weights
from stillhouse.client import Client, PartMissingError
from tests.stillhouse.serving import RUN_STARTED, HandWorker, tiny_spec


@pytest.fixture
def trained(client: Client, hand: HandWorker, tmp_path: Path) -> str:
    """The id of a job that made a student."""
    model = MODELS.create("resnet8", {"num_classes": 10, "in_channels": 1, "image_size": 8})
    path = tmp_path / "student.safetensors"
    save_weights(path, model)
    job = client.submit(tiny_spec())
    claim = hand.take(job.id)
    hand.report(claim, RUN_STARTED)
    hand.succeed(claim, {"student": path})
    return job.id


def test_a_student_comes_as_a_module_and_may_stay_as_a_file(client: Client, trained: str, tmp_path: Path) -> None:
    model = client.load_student(trained)
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert not model.training
    client.load_student(trained, tmp_path / "kept")
    assert (tmp_path / "kept" / "student.safetensors").read_bytes() == (tmp_path / "student.safetensors").read_bytes()


def test_without_the_engine_the_extra_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distill_core.weights", None)
    with pytest.raises(PartMissingError, match=r"stillhouse\[engine\]"):
        client.load_student("job_x")
