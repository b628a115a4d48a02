"""What every method of the registry must do; a new file is tested by being there."""

from __future__ import annotations

import inspect
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from distill_core.catalog import cite
from distill_core.engine.context import Context
from distill_core.engine.events import EventLog
from distill_core.engine.run import Sources, run
from distill_core.engine.stores import Cache
from distill_core.errors import SpecError, Stopped
from distill_core.methods import METHODS
from distill_core.spec import resolve
from tests.contracts.lessons import CANNOT, POSSIBLE, SPECIAL, Lesson, document_of, special, unless_exempt
from tests.distill_core.experiments import StopAfter

every_method = pytest.mark.parametrize("key", list(METHODS))


def hooks_of(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def copy_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def run_engine(document: dict[str, Any], folder: Path, *stops: int, cache: Path | None = None) -> bytes:
    """Run a spec, stopping and going on after so many boundaries; return the student's file."""
    spec, checkpoint = resolve(document), None
    for count in (*stops, 10_000):
        with EventLog(folder / "events.jsonl") as events:
            try:
                context = Context(folder, events, StopAfter(count), spec.runtime)
                run(spec, Sources(folder, checkpoint=checkpoint, cache=Cache(cache)), context)
            except Stopped:
                checkpoint = max((folder / "checkpoints").iterdir())
    return (folder / "artifacts/student.safetensors").read_bytes()


@dataclass(frozen=True, slots=True)
class Taught:
    """What happened in the steps of a lesson.

    Attributes:
        losses: before each step on the one batch.
        is_teacher_same: whether each tensor of the teacher is what it was.
        is_teacher_left: whether no parameter of the teacher has a gradient, and it is in eval mode where it ran.
        still: weights that learn and did not move in two steps; None where nothing learns.
    """

    losses: list[float]
    is_teacher_same: bool
    is_teacher_left: bool
    still: list[str] | None


@pytest.fixture(scope="module", params=POSSIBLE, ids="-".join)
def taught(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Taught]:
    """A method's name, and what sixteen steps with it did; two where it need not fall."""
    key, pair = request.param
    lesson = Lesson.of(key, tmp_path_factory.mktemp("lesson"), pair)
    teacher, objective = lesson.carry.models["teacher"], lesson.learner.assembly.objective
    before = copy_of(teacher)
    learning = {name: parameter for name, parameter in objective.named_parameters() if parameter.requires_grad}
    start = {name: parameter.detach().clone() for name, parameter in learning.items()}
    losses = lesson.learn(2)
    still = [name for name, parameter in learning.items() if parameter.equal(start[name])]
    losses += lesson.learn(0 if "falls" in special(key).exempt else 14)
    has_run = bool(lesson.learner.assembly.teachers.teachers)
    return key, Taught(
        losses=losses,
        is_teacher_same=all(tensor.equal(before[name]) for name, tensor in teacher.state_dict().items()),
        is_teacher_left=all(parameter.grad is None for parameter in teacher.parameters())
        and not (has_run and teacher.training),
        still=still if learning else None,
    )


def test_the_loss_is_finite_and_falls_on_a_fixed_batch(taught: tuple[str, Taught]) -> None:
    key, seen = taught
    assert all(map(math.isfinite, seen.losses))
    if "falls" in special(key).exempt:
        pytest.skip(special(key).exempt["falls"])
    assert seen.losses[-1] < seen.losses[0] - 0.05 * abs(seen.losses[0])


def test_the_teacher_is_bit_for_bit_the_same_afterwards_and_in_eval_mode(taught: tuple[str, Taught]) -> None:
    assert taught[1].is_teacher_same
    assert taught[1].is_teacher_left


def test_every_weight_that_learns_gets_a_gradient_and_moves(taught: tuple[str, Taught]) -> None:
    assert taught[1].still == []


@pytest.mark.parametrize(("key", "pair"), CANNOT)
def test_a_pair_that_a_method_is_not_made_for_is_refused_with_the_place(key: str, pair: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        Lesson.of(key, tmp_path, pair)
    assert "/objective/" in caught.value.problems[0].pointer


@every_method
def test_its_state_can_be_taken_up(key: str, tmp_path: Path) -> None:
    lesson, other = Lesson.of(key, tmp_path / "a"), Lesson.of(key, tmp_path / "b")
    lesson.learn(2)
    other.learner.assembly.objective.load_state_dict(lesson.learner.assembly.objective.state_dict())
    assert other.losses().total.equal(lesson.losses().total)


@every_method
def test_no_hook_is_left(key: str, tmp_path: Path) -> None:
    lesson = Lesson.of(key, tmp_path)
    models = (lesson.learner.student, lesson.carry.models["teacher"])
    assert sum(map(hooks_of, models)) > 0
    lesson.learner.close()
    assert sum(map(hooks_of, models)) == 0


@every_method
def test_a_forward_pass_changes_nothing_but_batch_statistics(key: str, tmp_path: Path) -> None:
    lesson = Lesson.of(key, tmp_path)
    terms = lesson.learner.assembly.objective.terms
    norms = {
        f"{path}.{name}"
        for path, module in terms.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        for name, _ in module.named_buffers()
    }
    before = copy_of(terms)
    lesson.losses()
    changed = {name for name, tensor in terms.state_dict().items() if not tensor.equal(before[name])}
    assert changed <= norms


@every_method
def test_a_resumed_run_ends_as_one_that_went_straight_through(key: str, tmp_path: Path) -> None:
    document = document_of(key)
    straight = run_engine(document, tmp_path / "straight")
    assert run_engine(document, tmp_path / "resumed", 3, 4) == straight


@unless_exempt("cached")
def test_a_cached_teacher_teaches_what_the_live_one_does(key: str, tmp_path: Path) -> None:
    document = document_of(key, log_interval_steps=1)
    stages = {stage["name"] for stage in document["stages"]}
    losses, cached = {}, set()
    for mode in ("off", "auto"):
        document["stages"][0]["cache"] = {"mode": mode}
        run_engine(document, tmp_path / mode, cache=tmp_path / "cache")
        events = [json.loads(line) for line in (tmp_path / mode / "events.jsonl").read_text().splitlines()]
        losses[mode] = [
            value
            for event in events
            if event["type"] == "metrics"
            for name, value in event["values"].items()
            if name == "train/loss"
        ]
        cached |= {event["stage"] for event in events if event["type"] == "cache" and event["mode"] != "off"}
    assert len(losses["off"]) == 8 * len(stages)
    assert losses["auto"] == pytest.approx(losses["off"], rel=1e-5, abs=1e-7)
    listens = METHODS.find(key).needs.teacher or key == "loss"  # whose options say whether it does
    assert cached == (stages if listens else set())


@every_method
def test_its_file_names_the_paper(key: str) -> None:
    assert re.search(r'".+".*\(arXiv \d{4}\.\d{4,5}', cite(METHODS.find(key)))


@every_method
def test_it_says_when_to_use_it(key: str) -> None:
    assert len(METHODS.find(key).use) > 20


@every_method
def test_its_forward_states_the_formula(key: str) -> None:
    assert len(inspect.getdoc(METHODS.find(key).forward) or "") > 30


@every_method
def test_its_options_are_described(key: str) -> None:
    assert all(field.description for field in METHODS.find(key).Params.model_fields.values())


def test_only_methods_that_exist_have_settings_of_their_own() -> None:
    assert set(SPECIAL) <= set(METHODS)
    assert {check for known in SPECIAL.values() for check in known.exempt} <= {"falls", "cached", "two_ranks"}
