"""What every method of the registry must do; a new file is tested by being there."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from distill_core.engine.context import Context
from distill_core.engine.events import EventLog
from distill_core.engine.run import Sources, run
from distill_core.errors import Stopped
from distill_core.methods import METHODS
from distill_core.models import MODELS
from distill_core.objective import Objective, Teachers, WeightedTerm
from distill_core.spec import resolve
from distill_core.tensors import Batch
from tests.distill_core.experiments import StopAfter, distillation

OPTIONS = {"num_classes": 10, "in_channels": 1, "image_size": 8}
PAIRS = [("resnet14", "resnet8"), ("deep_nn", "resnet8")]

every_method = pytest.mark.parametrize("key", list(METHODS))
every_pair = pytest.mark.parametrize("pair", PAIRS, ids="-".join)


class Lesson:
    """A student and a teacher with one method between them, and one fixed batch."""

    def __init__(self, key: str, pair: tuple[str, str]) -> None:
        torch.manual_seed(0)
        self.teacher, self.student = (MODELS.create(name, OPTIONS) for name in pair)
        term = METHODS.create(key, {})
        name = "teacher" if term.needs.teacher else None
        terms = [WeightedTerm(key, term, term.places(term.params), 1.0, name, "main")]
        self.objective = Objective(self.student, terms).train()
        self.teachers = Teachers({"teacher": self.teacher}, terms)
        images = torch.rand(16, 1, 8, 8)
        self.batch = Batch(torch.arange(16), torch.randint(0, 10, (16,)), {"main": images})

    def loss(self) -> torch.Tensor:
        total: torch.Tensor = self.objective(self.batch, self.teachers.watch(self.batch)).total
        return total

    def learn(self, num_steps: int) -> list[float]:
        optimizer = torch.optim.SGD(self.objective.parameters(), lr=0.05, momentum=0.9)
        losses = []
        for _ in range(num_steps):
            teachers = self.teachers.watch(self.batch)
            found = self.objective(self.batch, teachers)
            optimizer.zero_grad()
            found.total.backward()
            optimizer.step()
            self.objective.commit(found, teachers, self.batch)
            losses.append(found.total.item())
        return losses


def hooks_of(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


@every_method
@every_pair
def test_the_loss_is_finite_and_falls_on_a_fixed_batch(key: str, pair: tuple[str, str]) -> None:
    losses = Lesson(key, pair).learn(8)
    assert all(torch.isfinite(torch.tensor(losses)))
    assert losses[-1] < 0.9 * losses[0]


@every_method
@every_pair
def test_the_teacher_is_bit_for_bit_the_same_afterwards_and_in_eval_mode(key: str, pair: tuple[str, str]) -> None:
    lesson = Lesson(key, pair)
    before = {name: tensor.clone() for name, tensor in lesson.teacher.state_dict().items()}
    lesson.learn(2)
    assert all(tensor.equal(before[name]) for name, tensor in lesson.teacher.state_dict().items())
    if METHODS.find(key).needs.teacher:
        assert not lesson.teacher.training


@every_method
@every_pair
def test_every_trainable_weight_gets_a_gradient_and_the_teacher_none(key: str, pair: tuple[str, str]) -> None:
    lesson = Lesson(key, pair)
    lesson.loss().backward()
    assert not [name for name, parameter in lesson.objective.named_parameters() if parameter.grad is None]
    assert all(parameter.grad is None for parameter in lesson.teacher.parameters())


@every_method
def test_its_state_can_be_taken_up(key: str) -> None:
    lesson, other = Lesson(key, PAIRS[0]), Lesson(key, PAIRS[0])
    lesson.learn(2)
    other.objective.load_state_dict(lesson.objective.state_dict())
    assert other.loss().equal(lesson.loss())


@every_method
def test_no_hook_is_left(key: str) -> None:
    lesson = Lesson(key, PAIRS[0])
    lesson.learn(1)
    assert hooks_of(lesson.student) > 0
    lesson.objective.remove_taps()
    lesson.teachers.remove_taps()
    assert hooks_of(lesson.student) == hooks_of(lesson.teacher) == 0


@every_method
def test_a_forward_pass_changes_nothing_but_batch_statistics(key: str) -> None:
    lesson = Lesson(key, PAIRS[0])
    before = {name: tensor.clone() for name, tensor in lesson.objective.terms.state_dict().items()}
    lesson.objective(lesson.batch, lesson.teachers.watch(lesson.batch))
    assert all(tensor.equal(before[name]) for name, tensor in lesson.objective.terms.state_dict().items())


@every_method
def test_a_resumed_stage_ends_as_one_that_went_straight_through(key: str, tmp_path: Path) -> None:
    spec = resolve(stage_with(key))
    students = []
    for name, boundaries in (("straight", [10_000]), ("resumed", [2, 10_000])):
        folder, checkpoint = tmp_path / name, None
        for count in boundaries:
            with EventLog(folder / "events.jsonl") as events:
                try:
                    context = Context(folder, events, StopAfter(count), spec.runtime)
                    run(spec, Sources(folder, checkpoint=checkpoint), context)
                except Stopped:
                    checkpoint = max((folder / "checkpoints").iterdir())
        students.append((folder / "artifacts/student.safetensors").read_bytes())
    assert students[0] == students[1]


def stage_with(key: str) -> dict[str, Any]:
    document = distillation()
    first, second = document["stages"]
    document["stages"] = [first | second | {"epochs": 1, "objective": {"term": {"method": key}}, "keep": "last"}]
    return document


@every_method
def test_its_file_names_the_paper(key: str) -> None:
    module = sys.modules[METHODS.find(key).__module__]
    assert re.search(r"arXiv \d{4}\.\d{4,5}", inspect.getdoc(module) or "")


@every_method
def test_its_forward_states_the_formula(key: str) -> None:
    assert len(inspect.getdoc(METHODS.find(key).forward) or "") > 30


@every_method
def test_its_options_are_described(key: str) -> None:
    assert all(field.description for field in METHODS.find(key).Params.model_fields.values())
