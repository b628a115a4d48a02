from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distill_core.methods import METHODS
from distill_core.models import MODELS
from distill_core.objective import Objective, Teachers, WeightedTerm
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term

OPTIONS = {"num_classes": 10, "in_channels": 1, "image_size": 8}


class CountingModel(nn.Module):
    """A linear classifier that remembers the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Linear(64, 10)
        self.batches: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        result: Tensor = self.logits(x.flatten(1))
        return result


class NoOptions(Config):
    """None."""


class Drift(Term[NoOptions]):
    """A term of two named parts with a state that only a commit moves."""

    Params = NoOptions
    needs = Needs()

    def __init__(self, params: NoOptions) -> None:
        super().__init__(params)
        self.register_buffer("count", torch.zeros(()))

    @classmethod
    def places(cls, params: NoOptions) -> Places:
        return Places(student=(LOGITS,))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        return {"mean": student[LOGITS].mean(), "one": torch.ones(())}

    def commit(self, student: Activations, teacher: Activations, batch: Batch) -> None:
        self.count: Tensor
        self.count += len(student[LOGITS])


def weighted(
    key: str, weight: float, *, teacher: str | None = None, view: str = "main", name: str = ""
) -> WeightedTerm:
    term = METHODS.create(key, {})
    return WeightedTerm(name or key, term, term.places(term.params), weight, teacher, view)


@pytest.fixture
def batch() -> Batch:
    images = {"main": torch.rand(4, 1, 8, 8), "other": torch.rand(4, 1, 8, 8)}
    return Batch(torch.arange(4), torch.tensor([1, 2, 3, 4]), images)


def test_each_model_runs_once_a_step_whatever_the_number_of_terms(batch: Batch) -> None:
    student, teacher = CountingModel(), CountingModel()
    terms = [weighted("ce", 1.0), *(weighted("kd", 1.0, teacher="t", name=f"kd{number}") for number in range(3))]
    objective, teachers = Objective(student, terms), Teachers({"t": teacher}, terms)
    objective(batch, teachers.watch(batch))
    assert student.batches == teacher.batches == [4]


def test_equal_shaped_views_go_through_the_student_together(batch: Batch) -> None:
    student, teacher = CountingModel(), CountingModel()
    terms = [weighted("ce", 1.0), weighted("kd", 1.0, teacher="t", view="other")]
    objective, teachers = Objective(student, terms), Teachers({"t": teacher}, terms)
    losses = objective(batch, teachers.watch(batch))
    assert (student.batches, teacher.batches) == ([8], [4])
    alone = student(batch.images["other"])
    torch.testing.assert_close(losses.student["other"][LOGITS], alone)


def test_a_teacher_that_no_term_listens_to_does_not_run(batch: Batch) -> None:
    teacher = CountingModel()
    terms = [weighted("ce", 1.0)]
    assert Teachers({"t": teacher}, terms).watch(batch) == {}
    assert teacher.batches == []


def test_each_term_listens_to_its_own_teacher(batch: Batch) -> None:
    first, second = CountingModel(), CountingModel()
    terms = [weighted("kd", 1.0, teacher="first", name="a"), weighted("kd", 1.0, teacher="second", name="b")]
    student = CountingModel()
    student.load_state_dict(first.state_dict())
    parts = Objective(student, terms)(batch, Teachers({"first": first, "second": second}, terms).watch(batch)).parts
    assert parts["a"].item() == pytest.approx(0, abs=1e-6)
    assert parts["b"].item() > 1e-3


def test_the_total_is_the_weighted_sum_and_the_parts_are_unweighted(batch: Batch) -> None:
    terms = [weighted("ce", 0.25), weighted("kd", 3.0, teacher="t")]
    losses = Objective(CountingModel(), terms)(batch, Teachers({"t": CountingModel()}, terms).watch(batch))
    torch.testing.assert_close(losses.total, 0.25 * losses.parts["ce"] + 3 * losses.parts["kd"])


def test_a_term_may_give_named_parts_and_moves_its_state_in_commit_only(batch: Batch) -> None:
    term = Drift(NoOptions())
    objective = Objective(CountingModel(), [WeightedTerm("drift", term, term.places(term.params), 2.0, None, "main")])
    losses = objective(batch, {})
    assert set(losses.parts) == {"drift/mean", "drift/one"}
    torch.testing.assert_close(losses.total, 2 * (losses.parts["drift/mean"] + 1))
    assert term.count == 0
    objective.commit(losses, {}, batch)
    assert term.count == 4
    assert objective.state_dict()["terms.0.count"] == 4


def test_teachers_are_no_part_of_what_is_trained_and_saved(batch: Batch) -> None:
    student, teacher = (MODELS.create(key, OPTIONS) for key in ("resnet8", "resnet14"))
    terms = [weighted("kd", 1.0, teacher="t")]
    objective = Objective(student, terms)
    teachers = Teachers({"t": teacher}, terms)
    objective.train()
    assert not teacher.training
    assert set(objective.state_dict()) == {f"student.{name}" for name in student.state_dict()}
    activations = teachers.watch(batch)["t"]["main"]
    assert not activations[Place("logits")].requires_grad
