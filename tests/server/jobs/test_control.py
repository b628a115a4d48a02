from __future__ import annotations

from typing import Any

import pytest

from distill_core.spec import resolve
from server.jobs.control import find_control_key, find_peer_key
from tests.server.jobs.ground import experiment
from tests.server.jobs.test_caches import TEACHER, changed, distillation


def alone(**changes: Any) -> dict[str, Any]:
    """Return the control of `distillation`."""
    spec = experiment()
    spec["data"]["train"]["views"] = {"main": {"transforms": [{"transform": "normalize"}]}}
    spec["stages"][0] |= {"epochs": 3} | changes
    return spec


def control_key(spec: dict[str, Any]) -> str:
    return find_control_key(resolve(spec))


def peer_key(spec: dict[str, Any]) -> str:
    return find_peer_key(resolve(spec))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("name", "another title"),
        ("models/teacher/model", "resnet20"),
        ("models/student/weights", TEACHER),
        ("stages/0/objective/kd/params", {"temperature": 2.0}),
        ("stages/0/optimizer/lr", 0.01),
        ("runtime", {"seed": 7}),
        ("data/train/views/main/variants", 2),
    ],
)
def test_a_job_shares_its_key_with_the_same_training_without_a_teacher(place: str, value: Any) -> None:
    assert control_key(changed(place, value)) == control_key(alone())


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("models/student/model", "resnet8"),
        ("stages/0/epochs", 4),
        ("data/train/num_samples", 64),
        ("data/train/views/main/transforms", []),
        ("data/test", {"dataset": "digits", "split": "test"}),
    ],
)
def test_another_student_length_or_data_is_another_key(place: str, value: Any) -> None:
    spec = changed(place, value)
    if place == "data/test":
        spec["evaluation"] = {"stream": "test"}
    assert control_key(spec) != control_key(alone())


def test_the_epochs_of_all_stages_of_the_student_are_counted() -> None:
    hints = distillation(epochs=1)
    stages = [hints["stages"][0] | {"name": name, "epochs": epochs} for name, epochs in (("hint", 1), ("kd", 2))]
    assert control_key(hints | {"stages": stages}) == control_key(alone())


@pytest.mark.parametrize(
    ("place", "value"), [("name", "another title"), ("description", "x"), ("runtime", {"seed": 7})]
)
def test_peers_differ_by_their_seed_and_their_words(place: str, value: Any) -> None:
    assert peer_key(changed(place, value)) == peer_key(distillation())


@pytest.mark.parametrize(
    ("place", "value"),
    [("stages/0/optimizer/lr", 0.01), ("runtime", {"deterministic": False}), ("models/teacher/model", "resnet20")],
)
def test_what_else_differs_makes_no_peer(place: str, value: Any) -> None:
    assert peer_key(changed(place, value)) != peer_key(distillation())
