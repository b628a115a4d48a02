"""The example specs are valid, and the demo's three fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill_core.spec import check, parse_document
from stillhouse.demo import SHOWS, describe_gain, find_examples

EXAMPLES = sorted(find_examples().glob("*.yaml"))


def _read(path: Path) -> Any:
    return parse_document(path.read_bytes())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_no_problem(path: Path) -> None:
    assert check(_read(path)) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_opens_with_the_command_that_runs_it_and_its_cost(path: Path) -> None:
    head = path.read_text().split("\nversion:", maxsplit=1)[0]
    assert f"stillhouse submit examples/{path.name}" in head
    assert "Cost: " in head


@pytest.mark.parametrize("data", SHOWS)
def test_the_control_differs_from_the_student_by_the_teacher_alone(data: str) -> None:
    student, control = (_read(find_examples() / f"{data}-{role}.yaml") for role in ("student", "control"))
    assert student["data"] == control["data"]
    assert student["runtime"] == control["runtime"]
    assert student["models"]["student"] == control["models"]["student"]
    taught, alone = student["stages"][0], control["stages"][0]
    about_teaching = {"name", "teachers", "objective"}
    assert {key: taught[key] for key in taught.keys() - about_teaching} == {
        key: alone[key] for key in alone.keys() - about_teaching
    }
    assert set(alone["objective"]) == {"ce"}


@pytest.mark.parametrize(
    ("student", "control", "count", "words"),
    [(0.95, 0.80, 1000, "better"), (0.80, 0.95, 1000, "worse"), (0.98, 0.97, 360, "within noise")],
)
def test_a_gain_is_claimed_only_beyond_the_noise(student: float, control: float, count: int, words: str) -> None:
    assert words in describe_gain(student, control, count)
