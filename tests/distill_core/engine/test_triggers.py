"""Stages that end when their student has caught up, and groups that end when it has not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill_core.engine.context import Context
from distill_core.engine.events import EventLog
from distill_core.engine.run import Sources, run
from distill_core.errors import Stopped
from distill_core.spec import check, resolve
from tests.distill_core.engine.stages import Ground, document
from tests.distill_core.experiments import StopAfter

CE = {"ce": {"method": "ce"}}
ALWAYS, NEVER = -2.0, 2.0
"""Margins of accuracy that are always and never reached."""


def dual(*margins: float, **first: Any) -> dict[str, Any]:
    """Return a spec whose student and teacher learn in turn, each until it leads by its margin."""
    turns: list[dict[str, Any]] = []
    for number, margin in enumerate(margins):
        mine, other = ("teacher", "student") if number % 2 == 0 else ("student", "teacher")
        until = {"model": other, "margin": margin, "otherwise": "end_group"}
        turns.append(
            {"name": f"turn{number}", "student": mine, "teachers": [], "objective": CE, "until": until, "group": "dual"}
        )
    turns[0] |= {"validate_on": "validation", "epochs": 2, **first}
    return document(*turns)


def trained(spec: dict[str, Any], folder: Path) -> dict[str, float]:
    """Return the stages that took part, each with its last accuracy."""
    carry = Ground.of(spec, folder).run()
    return {name: figures.get("accuracy", -1.0) for name, figures in carry.figures.items()}


def test_a_stage_whose_student_already_leads_takes_no_step(tmp_path: Path) -> None:
    ground = Ground.of(dual(ALWAYS), tmp_path)
    before = {name: tensor.clone() for name, tensor in ground.carry.models["teacher"].state_dict().items()}
    carry = ground.run()
    assert carry.figures == {"turn0": {}}
    assert all(tensor.equal(before[name]) for name, tensor in carry.models["teacher"].state_dict().items())


def test_a_stage_ends_after_the_epoch_in_which_its_student_catches_up(tmp_path: Path) -> None:
    spec = dual(0.4, epochs=30, optimizer={"optimizer": "adam", "lr": 0.01})
    ground = Ground.of(spec, tmp_path)
    ground.run()
    steps = ground.workshop.context.history["val/accuracy"]
    assert 1 <= len(steps) < 30
    goal = steps[-1][1]
    assert all(value < goal for _, value in steps[:-1])


def test_a_missed_trigger_ends_the_rest_of_its_group_and_nothing_else(tmp_path: Path) -> None:
    spec = dual(ALWAYS, NEVER, ALWAYS)
    spec["stages"].append({"name": "last", "student": "student", "objective": CE})
    assert list(trained(spec, tmp_path)) == ["turn0", "turn1", "last"]


def test_a_missed_trigger_may_go_on(tmp_path: Path) -> None:
    spec = dual(NEVER, ALWAYS)
    spec["stages"][0]["until"]["otherwise"] = "go_on"
    assert list(trained(spec, tmp_path)) == ["turn0", "turn1"]


def test_a_trigger_may_go_by_a_figure_that_falls(tmp_path: Path) -> None:
    spec = dual(-1e6)
    spec["stages"][0]["until"] |= {"metric": "nll"}
    assert trained(spec, tmp_path) == {"turn0": -1.0}


@pytest.mark.parametrize("stops", [(1,), (4, 1), (6, 2)])
def test_a_resumed_run_ends_as_one_that_went_straight_through(stops: tuple[int, ...], tmp_path: Path) -> None:
    document = dual(NEVER, ALWAYS, ALWAYS)
    document["stages"][0]["until"]["otherwise"] = "go_on"
    document["stages"][1]["until"]["margin"] = NEVER
    document["stages"].append({"name": "last", "student": "student", "objective": CE})
    students = []
    for name, counts in (("straight", ()), ("resumed", stops)):
        spec, checkpoint, folder = resolve(document), None, tmp_path / name
        for count in (*counts, 10_000):
            with EventLog(folder / "events.jsonl") as events:
                try:
                    context = Context(folder, events, StopAfter(count), spec.runtime)
                    run(spec, Sources(folder, checkpoint=checkpoint), context)
                except Stopped:
                    checkpoint = max((folder / "checkpoints").iterdir())
        students.append((folder / "artifacts/student.safetensors").read_bytes())
    assert students[0] == students[1]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"validate_on": None}, "/stages/0/until"),
        ({"group": None}, "/stages/0/until/otherwise"),
        ({"until": {"model": "teacher"}}, "/stages/0/until/model"),
        ({"until": {"model": "techer"}}, "/stages/0/until/model"),
    ],
)
def test_a_trigger_that_cannot_work_is_refused_where_it_stands(changes: dict[str, Any], pointer: str) -> None:
    spec = dual(0.0)
    spec["stages"][0] |= changes
    assert [problem.pointer for problem in check(spec)] == [pointer]


def test_a_trigger_is_not_inherited() -> None:
    spec = dual(0.0)
    spec["stages"].append({"name": "last", "student": "student"})
    last = resolve(spec).stages[1]
    assert (last.until, last.group) == (None, None)
