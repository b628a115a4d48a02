from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from distill_core.engine.assembly import prepare
from distill_core.engine.teachers import Teachers, assign_teachers
from distill_core.methods import METHODS
from distill_core.models import MODELS
from distill_core.objective import Losses, Objective, WeightedTerm, list_places
from distill_core.source import Source
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations, Place, Taps
from distill_core.tensors import Batch, Inputs
from distill_core.term import Needs, Places, Term

OPTIONS = {"num_classes": 10, "in_channels": 1, "image_size": 8}
MAIN, OTHER = Source("main"), Source("other")


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


class Upside(Term[NoOptions]):
    """Compares the samples with what they give upside down, a view that it derives itself."""

    Params = NoOptions
    needs = Needs()
    prepared = ("flipped",)

    @classmethod
    def places(cls, params: NoOptions) -> Places:
        return Places(student=(LOGITS, Place("logits", view="flipped")))

    def prepare(self, batch: Batch) -> Mapping[str, Inputs]:
        images = batch.inputs["main"]
        assert isinstance(images, Tensor)
        return {"flipped": images.flip(2)}

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        difference: Tensor = student[LOGITS] - student[Place("logits", view="flipped")]
        return difference.square().mean()


def weighted(key: str, *, teacher: str | None = None, source: Source = MAIN, name: str = "") -> WeightedTerm:
    term = METHODS.create(key, {})
    return WeightedTerm(name or key, term, term.places(term.params), source, (teacher,) if teacher else ())


def of(term: Term[NoOptions], name: str) -> WeightedTerm:
    return WeightedTerm(name, term, term.places(term.params), MAIN)


class Lesson:
    """Student, teachers and terms, and one forward pass of them."""

    def __init__(self, terms: Sequence[WeightedTerm], student: nn.Module, **teachers: nn.Module) -> None:
        self.terms = terms
        self.objective = Objective(student, terms, Taps(student, list_places(terms, "student"))).train()
        self.teachers = Teachers(
            assign_teachers(teachers, terms, lambda _, model, places: Taps(model, places), nullcontext)
        )

    def losses(self, batch: Batch, **factors: float) -> Losses:
        batch = prepare(self.terms, batch)
        said = self.teachers.watch(batch, epoch=0)
        result: Losses = self.objective(batch, said, {term.name: 1.0 for term in self.terms} | factors)
        return result


@pytest.fixture
def batch() -> Batch:
    images: dict[str, Inputs] = {"main": torch.rand(4, 1, 8, 8), "other": torch.rand(4, 1, 8, 8)}
    extra = Batch(torch.arange(6), None, {"main": torch.rand(6, 1, 8, 8)})
    return Batch(torch.arange(4), torch.tensor([1, 2, 3, 4]), images, extras={"extra": extra})


def test_each_model_runs_once_a_step_whatever_the_number_of_terms(batch: Batch) -> None:
    student, teacher = CountingModel(), CountingModel()
    terms = [weighted("ce"), *(weighted("kd", teacher="t", name=f"kd{number}") for number in range(3))]
    Lesson(terms, student, t=teacher).losses(batch)
    assert student.batches == teacher.batches == [4]


def test_equal_shaped_views_go_through_the_student_together(batch: Batch) -> None:
    student, teacher = CountingModel(), CountingModel()
    losses = Lesson([weighted("ce"), weighted("kd", teacher="t", source=OTHER)], student, t=teacher).losses(batch)
    assert (student.batches, teacher.batches) == ([8], [4])
    torch.testing.assert_close(losses.student[OTHER][LOGITS], student(batch.inputs["other"]))


def test_a_term_may_look_at_a_further_stream_without_labels(batch: Batch) -> None:
    student, teacher = CountingModel(), CountingModel()
    extra = weighted("kd", teacher="t", source=Source("main", "extra"))
    losses = Lesson([weighted("ce"), extra], student, t=teacher).losses(batch)
    assert (student.batches, teacher.batches) == ([10], [6])
    assert set(losses.parts) == {"ce", "kd"}


def test_a_term_may_derive_a_view_that_goes_with_the_others(batch: Batch) -> None:
    student = CountingModel()
    losses = Lesson([weighted("ce"), of(Upside(NoOptions()), "up")], student).losses(batch)
    assert student.batches == [8]
    images = batch.inputs["main"]
    assert isinstance(images, Tensor)
    torch.testing.assert_close(losses.parts["up"], (student(images) - student(images.flip(2))).square().mean())


def test_a_teacher_that_no_term_listens_to_does_not_run(batch: Batch) -> None:
    teacher = CountingModel()
    assert Lesson([weighted("ce")], CountingModel(), t=teacher).teachers.watch(batch, 0) == {}
    assert teacher.batches == []


def test_a_student_that_no_term_looks_at_does_not_run(batch: Batch) -> None:
    class Alone(Drift):
        @classmethod
        def places(cls, params: NoOptions) -> Places:
            return Places()

        def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
            return {"one": torch.ones(())}

    student = CountingModel()
    assert Lesson([of(Alone(NoOptions()), "alone")], student).losses(batch).total == 1
    assert student.batches == []


def test_each_term_listens_to_its_own_teacher(batch: Batch) -> None:
    first, second = CountingModel(), CountingModel()
    terms = [weighted("kd", teacher="first", name="a"), weighted("kd", teacher="second", name="b")]
    student = CountingModel()
    student.load_state_dict(first.state_dict())
    parts = Lesson(terms, student, first=first, second=second).losses(batch).parts
    assert parts["a"].item() == pytest.approx(0, abs=1e-6)
    assert parts["b"].item() > 1e-3


def test_the_total_is_the_weighted_sum_and_the_parts_are_unweighted(batch: Batch) -> None:
    lesson = Lesson([weighted("ce"), weighted("kd", teacher="t")], CountingModel(), t=CountingModel())
    losses = lesson.losses(batch, ce=0.25, kd=3.0)
    torch.testing.assert_close(losses.total, 0.25 * losses.parts["ce"] + 3 * losses.parts["kd"])


def test_a_part_of_a_term_may_have_a_factor_of_its_own(batch: Batch) -> None:
    factors = {"drift": 2.0, "drift/one": 5.0}
    losses = Lesson([of(Drift(NoOptions()), "drift")], CountingModel()).losses(batch, **factors)
    torch.testing.assert_close(losses.total, 2 * losses.parts["drift/mean"] + 5)


def test_a_term_moves_its_state_in_commit_only(batch: Batch) -> None:
    term = Drift(NoOptions())
    lesson = Lesson([of(term, "drift")], CountingModel())
    losses = lesson.losses(batch)
    assert term.count == 0
    lesson.objective.commit(losses.student, {}, batch)
    assert term.count == 4
    assert lesson.objective.state_dict()["terms.drift.count"] == 4


@pytest.mark.parametrize("name", ["keys", "float", "train", "forward"])
def test_a_term_may_have_any_name(batch: Batch, name: str) -> None:
    losses = Lesson([of(Drift(NoOptions()), name)], CountingModel()).losses(batch)
    assert set(losses.parts) == {f"{name}/mean", f"{name}/one"}


def test_teachers_are_no_part_of_what_is_trained_and_saved(batch: Batch) -> None:
    student, teacher = (MODELS.create(key, OPTIONS) for key in ("resnet8", "resnet14"))
    lesson = Lesson([weighted("kd", teacher="t")], student, t=teacher)
    lesson.objective.train()
    assert not teacher.training
    assert set(lesson.objective.state_dict()) == {f"student.{name}" for name in student.state_dict()}
    assert not lesson.teachers.watch(batch, 0)["t"][MAIN][LOGITS].requires_grad
