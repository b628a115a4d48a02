"""SimKD: the published value, the loss in plain words, and the model that is deployed."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import SpecError
from distill_core.methods.simkd import SimKD
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.tap import Place, Taps, find_module
from distill_core.weights import load_student, save_weights
from tests.distill_core.methods.references import Case, check_row
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn

STUDENT, TEACHER = {"stage3": randn(4, 6, 4, 4)}, {"stage3": randn(4, 8, 4, 4, seed=1)}
PARTS = ("0.weight", "1.weight", "1.bias", "3.weight", "4.weight", "4.bias", "6.weight", "7.weight", "7.bias")
FACTS = {"num_classes": 5, "in_channels": 1, "image_size": 8}


def build(student: Tensor = STUDENT["stage3"], teacher: Tensor = TEACHER["stage3"], **params: Any) -> SimKD:
    term = build_term("simkd", params, {"stage3": student}, {"stage3": teacher})
    assert isinstance(term, SimKD)
    return term


def compute(term: SimKD, student: Tensor, teacher: Tensor) -> Tensor:
    value: Tensor = term(activate({"stage3": student}), activate({"stage3": teacher}), batch_of(len(student)))
    return value


class Pair:
    """A student, a teacher, and the term between them as a stage would build it."""

    def __init__(self, student: str = "resnet8", teacher: str = "resnet14", **facts: Any) -> None:
        torch.manual_seed(0)
        self.student, self.teacher = (MODELS.create(key, FACTS) for key in (student, teacher))
        maps = [_tap(model, torch.rand(2, 1, 8, 8)) for model in (self.student, self.teacher)]
        known = {"student_key": (student, FACTS), "teacher_key": (teacher, FACTS), "copy_teacher": self._copy, **facts}
        mine, others = ({"stage3": features} for features in maps)
        term = build_term("simkd", {}, mine, others, **known)
        assert isinstance(term, SimKD)
        self.term = term.float()

    def _copy(self, path: str) -> nn.Module:
        return deepcopy(find_module(self.teacher, path)).eval().requires_grad_(requires_grad=False)

    def deploy(self) -> Model:
        deployed = self.term.deployed(self.student)
        assert deployed is not None
        return deployed


def _tap(model: nn.Module, images: Tensor) -> Tensor:
    taps = Taps(model.eval(), [Place("stage3")])
    with torch.no_grad():
        (features,) = taps.run(images).values()
    taps.remove()
    result: Tensor = features
    return result


def test_value_and_gradients_are_those_of_the_published_implementation() -> None:
    weights = {f"projector.{part}": f"projector.transfer.{part}" for part in PARTS}
    check_row("simkd.official", Case([("simkd", 1.0, {})], {"stage3": "student_feat"}, weights))


@pytest.mark.parametrize(("mine", "wanted"), [(4, 4), (8, 4), (4, 8)])
def test_it_is_the_mean_square_between_projection_and_map_of_the_smaller_size(mine: int, wanted: int) -> None:
    student, teacher = randn(4, 6, mine, mine), randn(4, 8, wanted, wanted, seed=1)
    term = build(student, teacher)
    small = [functional.avg_pool2d(x, x.shape[2] // 4) for x in (student, teacher)]
    squares = [(a - b) ** 2 for a, b in zip(term.projector(small[0]).flatten(), small[1].flatten(), strict=True)]
    assert compute(term, student, teacher).item() == pytest.approx((sum(squares) / len(squares)).item(), rel=1e-12)


def test_the_factor_says_how_narrow_the_projector_is() -> None:
    widths = {factor: len(next(build(factor=factor).projector.parameters())) for factor in (1, 2, 64)}
    assert widths == {1: 8, 2: 4, 64: 1}


def test_the_projector_learns_and_the_teacher_gets_no_gradient() -> None:
    student, teacher = STUDENT["stage3"].clone().requires_grad_(), TEACHER["stage3"].clone().requires_grad_()
    term = build()
    compute(term, student, teacher).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert student.grad is not None
    assert teacher.grad is None


def test_the_deployed_model_is_encoder_projector_and_what_the_teacher_does_with_its_map() -> None:
    pair = Pair()
    deployed, images = pair.deploy().eval(), torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        features = pair.term.projector.eval()(_tap(pair.student, images))
        teacher = pair.teacher.eval()
        expected = find_module(teacher, "logits")(find_module(teacher, "pooled")(features))
        assert deployed(images).equal(expected)


def test_a_teacher_that_is_imitated_perfectly_is_reproduced() -> None:
    pair = Pair("resnet14", "resnet14")
    pair.student.load_state_dict(pair.teacher.state_dict())
    deployed = pair.deploy()
    deployed.projector = nn.Identity()
    images = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        assert deployed.eval()(images).equal(pair.teacher.eval()(images))


def test_it_shares_its_modules_with_student_and_term() -> None:
    pair = Pair()
    deployed = pair.deploy()
    ours = {id(tensor) for module in (pair.student, pair.term) for tensor in (*module.parameters(), *module.buffers())}
    theirs = [*deployed.parameters(), *deployed.buffers()]
    assert len(theirs) > 40
    assert {id(tensor) for tensor in theirs} <= ours
    assert {tensor.device.type for tensor in theirs} == {"cpu"}


def test_what_is_deployed_can_be_built_again_from_its_file(tmp_path: Path) -> None:
    pair = Pair()
    images = torch.rand(3, 1, 8, 8)
    compute(pair.term, pair.student.stage3(torch.rand(2, 32, 4, 4)), torch.rand(2, 64, 2, 2))  # type: ignore[operator]
    deployed = pair.deploy().eval()
    found = load_student(save_weights(tmp_path / "student.safetensors", deployed).path)
    with torch.no_grad():
        assert found(images).equal(deployed(images))
    assert not {parameter.data_ptr() for parameter in found.parameters()} & {
        parameter.data_ptr() for parameter in deployed.parameters()
    }


def test_the_classifier_is_the_teachers_frozen_and_stays_in_evaluation_mode() -> None:
    pair = Pair()
    pair.term.train()
    assert pair.term.projector.training
    assert not any(module.training for module in pair.term.classifier.modules())
    assert not any(parameter.requires_grad for parameter in pair.term.classifier.parameters())
    assert pair.term.classifier.state_dict().keys() == {"classifier.weight", "classifier.bias"}
    assert all(parameter.requires_grad for parameter in pair.teacher.parameters())


def test_deploying_draws_no_random_numbers() -> None:
    pair = Pair()
    before = torch.get_rng_state()
    pair.deploy()
    assert torch.get_rng_state().equal(before)


def test_where_the_ends_are_not_known_there_is_only_the_loss() -> None:
    assert build().deployed(nn.Identity()) is None


def test_a_model_of_no_images_is_refused() -> None:
    with pytest.raises(SpecError, match="image classifiers"):
        Pair(student_key=("reader", {}), teacher_key=("reader", {"num_classes": 5}))


@pytest.mark.parametrize(("role", "tensor"), [("student", randn(4, 6)), ("teacher", randn(4, 9, 8))])
def test_what_is_no_map_is_refused_at_its_place(role: str, tensor: Tensor) -> None:
    with pytest.raises(SpecError, match="projects a map") as caught:
        build(**{role: tensor})
    assert caught.value.problems[0].pointer == f"/params/{role}_place"
