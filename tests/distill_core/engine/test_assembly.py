from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec import resolve
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term
from tests.distill_core.engine.stages import Ground, document

HINT = {"objective": {"hint": {"method": "fitnet"}}}


def pointers_of(spec: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as caught:
        resolve(spec)
    return [problem.pointer for problem in caught.value.problems]


def test_the_probe_leaves_weights_statistics_modes_and_random_numbers_as_they_were(tmp_path: Path) -> None:
    ground = Ground.of(document(), tmp_path)
    student = ground.carry.models["student"]
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    assembly = ground.assemble()
    drawn = torch.rand(3)
    assert all(tensor.equal(before[name]) for name, tensor in student.state_dict().items())
    assert all(parameter.grad is None for parameter in student.parameters())
    torch.manual_seed(ground.stages[0].seed)
    assert torch.rand(3).equal(drawn)
    assembly.close()


def test_a_hint_stage_runs_both_models_only_up_to_the_hint_and_freezes_the_rest(tmp_path: Path) -> None:
    assembly = Ground.of(document(HINT), tmp_path).assemble()
    assert (assembly.taps.end, assembly.teachers.teachers[0].taps.end) == ("stage2.relu", "stage2.relu")
    assert {name.split(".")[0] for name in assembly.unreached} == {"stage3", "classifier"}
    frozen = {name for name, weight in assembly.objective.student.named_parameters() if not weight.requires_grad}
    assert frozen == set(assembly.unreached)
    assembly.close()
    assert all(weight.requires_grad for weight in assembly.objective.student.parameters())


def test_after_a_hint_stage_the_whole_model_is_back_with_the_weights_that_were_learnt(tmp_path: Path) -> None:
    ground = Ground.of(document(HINT), tmp_path)
    before = {name: tensor.clone() for name, tensor in ground.carry.models["student"].state_dict().items()}
    student = ground.run().models["student"]
    moved = {name.split(".")[0] for name, tensor in student.state_dict().items() if not tensor.equal(before[name])}
    assert moved == {"stem", "stage1", "stage2"}
    assert student(torch.rand(2, 1, 8, 8)).shape == (2, 10)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in student.modules())


def test_frozen_parts_keep_weights_and_statistics(tmp_path: Path) -> None:
    ground = Ground.of(document({"frozen": ["stem", "stage1"]}), tmp_path)
    before = {name: tensor.clone() for name, tensor in ground.carry.models["student"].state_dict().items()}
    student = ground.run().models["student"]
    same = {name for name, tensor in student.state_dict().items() if tensor.equal(before[name])}
    assert {name for name in before if name.startswith(("stem", "stage1"))} <= same
    assert "classifier.weight" not in same


def test_only_trainable_parts_learn(tmp_path: Path) -> None:
    ground = Ground.of(document({"trainable": ["logits"]}), tmp_path)
    before = {name: tensor.clone() for name, tensor in ground.carry.models["student"].named_parameters()}
    student = ground.run().models["student"]
    assert {name for name, weight in student.named_parameters() if not weight.equal(before[name])} == {
        "classifier.weight",
        "classifier.bias",
    }


@pytest.mark.parametrize("section", [{"until": "stage3"}, {"sequential": ["stem", "stage1", "stage2"]}])
def test_what_runs_can_be_said_by_hand(section: dict[str, Any], tmp_path: Path) -> None:
    by_hand = Ground.of(document(HINT | {"sections": {"student": section}}), tmp_path / "a")
    by_itself = Ground.of(document(HINT), tmp_path / "b")
    weights = [ground.run().models["student"].get_parameter("stem.conv.weight") for ground in (by_hand, by_itself)]
    assert weights[0].equal(weights[1])


def test_a_pass_that_would_end_before_a_tapped_place_is_refused_at_its_section(tmp_path: Path) -> None:
    spec = document(HINT | {"sections": {"student": {"until": "stage1"}}})
    with pytest.raises(SpecError) as caught:
        Ground.of(spec, tmp_path).assemble()
    assert caught.value.problems[0].pointer.startswith("/stages/0")
    assert "before 'stage2.relu', which is tapped" in str(caught.value)


def test_a_place_in_a_view_that_the_stream_lacks_is_refused_at_its_term(tmp_path: Path) -> None:
    place = {"of": "student", "path": "logits", "view": "mian"}
    spec = document({"objective": {"mse": {"method": "loss", "params": {"input": place}}}})
    with pytest.raises(SpecError) as caught:
        Ground.of(spec, tmp_path).assemble()
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code, problem.value) == (
        "/stages/0/objective/mse/params/input/view",
        "unknown_name",
        "mian",
    )
    assert problem.nearest == ("main",)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"frozen": ["stage9"]}, "/stages/0/frozen/0"),
        ({"trainable": ["stage1", "stag2"]}, "/stages/0/trainable/1"),
        ({"sections": {"student": {"until": "stage9"}}}, "/stages/0/sections/student/until"),
        ({"sections": {"nobody": {}}}, "/stages/0/sections/nobody"),
        ({"sections": {"student": {"until": "stem", "sequential": ["stem"]}}}, "/stages/0/sections/student"),
        (
            {"objective": {"hint": {"method": "fitnet", "params": {"student_place": "stage9"}}}},
            "/stages/0/objective/hint/params/student_place",
        ),
        (
            {"objective": {"fsp": {"method": "fsp", "params": {"student_pairs": [["stem", "stage7"]]}}}},
            "/stages/0/objective/fsp/params/student_pairs/0/1",
        ),
        (
            {"objective": {"mse": {"method": "loss", "params": {"input": {"of": "student", "path": "stagee1"}}}}},
            "/stages/0/objective/mse/params/input/path",
        ),
        ({"objective": {"ft": {"method": "ft"}}}, "/stages/0/objective/ft"),
        ({"keep": "best"}, "/stages/0/keep"),
        ({"early_stop": {"patience": 1}}, "/stages/0/early_stop"),
        ({"accumulate": 17}, "/stages/0/accumulate"),
        ({"cache": {"mode": "on"}, "mix": {"mixup": 1.0}}, "/stages/0/cache/mode"),
        (
            {"objective": {"kd": {"method": "kd", "weight": {"schedule": "milestones", "milestones": [2, 1]}}}},
            "/stages/0/objective/kd/weight/milestones",
        ),
        ({"further": {"nothing": 4}}, "/stages/0/further/nothing"),
    ],
)
def test_what_cannot_work_is_told_at_its_place_before_anything_runs(change: dict[str, Any], pointer: str) -> None:
    assert pointer in pointers_of(document(change))


def test_a_place_that_a_pass_never_reaches_is_told_at_its_term(tmp_path: Path) -> None:
    wrong = {"of": "student", "path": "stage2", "call": 7}
    terms = {"kd": {"method": "kd"}, "mse": {"method": "loss", "params": {"input": wrong}}}
    with pytest.raises(SpecError, match="called once in a forward pass, so there is no call 7") as caught:
        Ground.of(document({"objective": terms}), tmp_path).assemble()
    assert caught.value.problems[0].pointer == "/stages/0/objective/mse"


class Unturnable(Term[Config]):
    """Refuses whatever it is to make views of."""

    Params = Config
    needs = Needs()
    prepared = ("turned",)

    @classmethod
    def places(cls, params: Config) -> Places:
        """Return the logits."""
        return Places(student=(LOGITS,))

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        """Refuse the samples."""
        raise SpecError([Problem("", "shape_unfit", "these cannot be turned")])


def test_samples_that_a_term_can_make_no_view_of_are_told_at_the_term(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground.of(document({"objective": {"term": {"method": "ce"}}}), tmp_path)
    monkeypatch.setattr(METHODS, "create", lambda *_: Unturnable(Config()))
    with pytest.raises(SpecError, match="these cannot be turned") as caught:
        ground.assemble()
    assert caught.value.problems[0].pointer == "/stages/0/objective/term"


def test_an_objective_that_reaches_nothing_that_may_learn_is_refused(tmp_path: Path) -> None:
    spec = document({"frozen": [""]})
    with pytest.raises(SpecError, match="nothing would learn in stage 'first'"):
        Ground.of(spec, tmp_path).assemble()


class NoOptions(Config):
    """None."""


class Borrowed(Term[NoOptions]):
    """Gives the student's pooled features to a copy of the teacher's classifier."""

    Params = NoOptions
    needs = Needs(teacher=True)

    @classmethod
    def places(cls, params: NoOptions) -> Places:
        return Places(student=(LOGITS,), teacher=(LOGITS,))

    def build(self, setting: Setting) -> None:
        assert setting.copy_teacher is not None
        self.classifier = setting.copy_teacher("logits")

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        loss: Tensor = (student[LOGITS] - teacher[LOGITS]).square().mean()
        return loss


@pytest.fixture
def borrowed() -> Iterator[None]:
    METHODS._components["borrowed"] = Borrowed
    yield
    del METHODS._components["borrowed"]


@pytest.mark.usefixtures("borrowed")
def test_a_term_may_hold_a_frozen_copy_of_a_part_of_the_teacher(tmp_path: Path) -> None:
    ground = Ground.of(document(), tmp_path)
    spec = ground.stages[0].spec
    changed = spec.objective["kd"].model_copy(update={"method": "borrowed", "params": {}})
    object.__setattr__(ground.stages[0], "spec", spec.model_copy(update={"objective": {"kd": changed}}))
    assembly = ground.assemble()
    copied = assembly.terms[0].term.classifier
    original = ground.carry.models["teacher"].get_submodule("classifier")
    assert isinstance(copied, nn.Linear)
    assert copied is not original
    assert copied.weight.equal(original.weight)  # type: ignore[arg-type]
    assert not copied.weight.requires_grad
    assert not copied._forward_hooks
    assembly.close()
