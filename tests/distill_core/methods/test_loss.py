"""The plain loss: every function, every reshape, and what cannot be compared."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import SpecError
from distill_core.methods import METHODS
from distill_core.methods.loss import LossParams, _reshape
from distill_core.spec.reshape import ReshapeSpec
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn, setting_of

X, Y, Z = randn(6, 5), randn(6, 5, seed=1), randn(6, 5, seed=2)
LABELS = torch.tensor([0, 4, 2, 2, 1, 3])
OF_LABELS = {"target": {"of": "labels"}}
LOG_SOFTMAX = {"reshape": "log_softmax"}
SOFTMAX = {"reshape": "softmax"}


def compute(student: Tensor, teacher: Tensor, labels: Any = None, **params: Any) -> Tensor:
    named = {"logits": student}, {"logits": teacher}
    term = build_term("loss", params, *named, num_classes=5)
    value: Tensor = term(*map(activate, named), batch_of(len(student), labels))
    return value


def refused(student: Tensor, teacher: Tensor, **params: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        compute(student, teacher, **params)
    return caught.value


SAME: dict[str, tuple[dict[str, Any], nn.Module]] = {
    "mse": ({}, nn.MSELoss()),
    "l1": ({}, nn.L1Loss()),
    "smooth_l1": ({"beta": 0.3}, nn.SmoothL1Loss(beta=0.3)),
    "huber": ({"delta": 0.3}, nn.HuberLoss(delta=0.3)),
}


@pytest.mark.parametrize("function", SAME)
def test_differences_are_those_of_torch(function: str) -> None:
    options, reference = SAME[function]
    assert compute(X, Y, loss={"function": function, **options}).equal(reference(X, Y))


def test_left_out_options_regress_the_teachers_logits() -> None:
    assert compute(X, Y).equal(functional.mse_loss(X, Y))


@given(st.floats(0.5, 20))
def test_a_divergence_of_softened_probabilities_is_kd_without_its_factor(temperature: float) -> None:
    steps = {"temperature": temperature}
    value = compute(
        X, Y, loss={"function": "kl_div"}, input_steps=[LOG_SOFTMAX | steps], target_steps=[SOFTMAX | steps]
    )
    kd = METHODS.create("kd", steps)(activate({"logits": X}), activate({"logits": Y}), batch_of(6))
    assert value.item() * temperature**2 == pytest.approx(kd.item(), rel=1e-9)


def test_a_divergence_takes_log_probabilities_of_the_teacher_too() -> None:
    plain = compute(X, Y, loss={"function": "kl_div"}, input_steps=[LOG_SOFTMAX], target_steps=[SOFTMAX])
    loss = {"function": "kl_div", "log_target": True}
    assert compute(X, Y, loss=loss, input_steps=[LOG_SOFTMAX], target_steps=[LOG_SOFTMAX]).item() == pytest.approx(
        plain.item()
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "batchmean"])
def test_reductions_differ_by_the_number_of_values(reduction: str) -> None:
    chains = {"loss": {"function": "kl_div"}, "input_steps": [LOG_SOFTMAX], "target_steps": [SOFTMAX]}
    total = functional.kl_div(X.log_softmax(1), Y.softmax(1), reduction="sum").item()
    count = {"mean": 30, "sum": 1, "batchmean": 6}[reduction]
    assert compute(X, Y, reduction=reduction, **chains).item() == pytest.approx(total / count)
    assert compute(X, Y, reduction=reduction).item() == pytest.approx((X - Y).square().sum().item() / count)


def test_classes_and_probabilities_are_targets_of_cross_entropy() -> None:
    loss = {"function": "cross_entropy", "label_smoothing": 0.1}
    hard = functional.cross_entropy(X, LABELS, label_smoothing=0.1)
    assert compute(X, Y, LABELS, loss=loss, **OF_LABELS).equal(hard)
    soft = functional.cross_entropy(X, Y.softmax(1), label_smoothing=0.1)
    assert compute(X, Y, loss=loss, target_steps=[SOFTMAX]).equal(soft)
    one_hot = compute(X, Y, LABELS, loss=loss, target_steps=[{"reshape": "one_hot"}], **OF_LABELS)
    assert one_hot.item() == pytest.approx(hard.item())


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_what_has_no_label_counts_neither_in_the_sum_nor_in_its_mean(reduction: str) -> None:
    maps, labels = randn(2, 5, 3, 3), torch.arange(18).reshape(2, 3, 3) % 5
    labels[0, 0] = 255
    loss = {"function": "cross_entropy", "ignore_class": 255}
    term = METHODS.create("loss", OF_LABELS | {"loss": loss, "reduction": reduction})
    term.build(setting_of({"logits": maps}, {}, labels=None))
    value = term(activate({"logits": maps}), {}, batch_of(2, labels))
    expected = functional.cross_entropy(maps, labels, ignore_index=255, reduction=reduction)
    assert value.item() == pytest.approx(expected.item())


def test_likelihood_and_binary_cross_entropy_of_labels() -> None:
    nll = compute(X, Y, LABELS, loss={"function": "nll"}, input_steps=[LOG_SOFTMAX], **OF_LABELS)
    assert nll.item() == pytest.approx(functional.cross_entropy(X, LABELS).item())
    steps = [{"reshape": "one_hot"}]
    bce = compute(X, Y, LABELS, loss={"function": "bce_with_logits"}, target_steps=steps, **OF_LABELS)
    expected = functional.binary_cross_entropy_with_logits(X, functional.one_hot(LABELS, 5).double())
    assert bce.item() == pytest.approx(expected.item())


def test_labels_can_be_regressed() -> None:
    steps = {"input_steps": [{"reshape": "squeeze"}], "target_steps": [{"reshape": "to_float"}]}
    value = compute(X[:, :1], Y, LABELS, **steps, **OF_LABELS)
    assert value.item() == pytest.approx((X[:, 0] - LABELS).square().mean().item())


def test_cosines_pull_together_or_apart() -> None:
    cosine = functional.cosine_similarity(X, Y)
    alike = compute(X, Y, loss={"function": "cosine_embedding"})
    assert alike.item() == pytest.approx((1 - cosine).mean().item())
    apart = compute(X, Y, loss={"function": "cosine_embedding", "wanted": "apart", "margin": 0.1})
    assert apart.item() == pytest.approx((cosine - 0.1).clamp_min(0).mean().item())


def test_the_tutorials_cosine_loss_halves_the_teachers_vector() -> None:
    student, teacher = randn(4, 16, 8, 8), randn(4, 32, 8, 8)
    value = compute(
        student,
        teacher,
        loss={"function": "cosine_embedding"},
        input_steps=[{"reshape": "flatten"}],
        target_steps=[{"reshape": "flatten"}, {"reshape": "pool_vector", "window": 2}],
    )
    halved = teacher.flatten(1).reshape(4, 1024, 2).mean(2)
    expected = 1 - functional.cosine_similarity(student.flatten(1), halved)
    assert value.item() == pytest.approx(expected.mean().item())


def test_a_margin_ranks_the_input_above_the_target() -> None:
    value = compute(X, Y, loss={"function": "margin_ranking", "margin": 0.5})
    assert value.item() == pytest.approx((Y - X + 0.5).clamp_min(0).mean().item())


def test_a_triplet_has_a_negative() -> None:
    params = {
        "loss": {"function": "triplet_margin", "margin": 0.4},
        "negative": {"of": "teacher", "path": "pooled"},
    }
    named = {"logits": X}, {"logits": Y, "pooled": Z}
    term = build_term("loss", params, *named)
    assert len(term.places(term.params).teacher) == 2
    expected = functional.triplet_margin_loss(X, Y, Z, margin=0.4)
    assert term(*map(activate, named), batch_of(6)).equal(expected)


def test_the_teacher_gets_no_gradient_and_the_student_none_through_a_detached_target() -> None:
    student, teacher = X.clone().requires_grad_(), Y.clone().requires_grad_()
    compute(student, teacher).backward()
    assert student.grad is not None
    assert teacher.grad is None
    deep, shallow = X.clone().requires_grad_(), Y.clone().requires_grad_()
    params = {"input": {"of": "student", "path": "stage1"}, "target": {"of": "student", "path": "stage2"}}
    for is_detached in (True, False):
        named = {"stage1": shallow, "stage2": deep}
        term = build_term("loss", params | {"detach_target": is_detached}, named, {})
        term(activate(named), {}, batch_of(6)).backward()
        assert (deep.grad is None) == is_detached


def test_it_needs_a_teacher_or_labels_only_where_one_of_its_places_is_theirs() -> None:
    needs = METHODS.find("loss").needs_of
    labels = needs(LossParams.model_validate(OF_LABELS | {"loss": {"function": "cross_entropy"}}))
    assert (labels.teacher, labels.labels) == (False, True)
    teacher = needs(LossParams())
    assert (teacher.teacher, teacher.labels) == (True, False)


RESHAPES: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"reshape": "flatten"}, (2, 3, 4, 5)),
    ({"reshape": "squeeze"}, (2, 1, 4, 1)),
    ({"reshape": "pool"}, (2, 3, 4, 5)),
    ({"reshape": "pool", "size": 2, "kind": "max"}, (2, 3, 4, 5)),
    ({"reshape": "pool_vector", "window": 3}, (2, 11)),
    ({"reshape": "softmax", "temperature": 3.0}, (2, 3, 4)),
    ({"reshape": "log_softmax"}, (2, 3)),
    ({"reshape": "normalise"}, (2, 3, 4)),
]


@pytest.mark.parametrize(("document", "shape"), RESHAPES, ids=str)
def test_a_reshape_gives_the_shape_that_it_says(document: dict[str, Any], shape: tuple[int, ...]) -> None:
    step: ReshapeSpec = TypeAdapter(ReshapeSpec).validate_python(document)
    assert tuple(_reshape(step, randn(*shape), None).shape) == step.shape(shape, None)


def test_labels_become_vectors_and_floats() -> None:
    adapter: TypeAdapter[ReshapeSpec] = TypeAdapter(ReshapeSpec)
    step = adapter.validate_python({"reshape": "one_hot"})
    maps = torch.arange(8).reshape(2, 2, 2) % 5
    assert tuple(_reshape(step, maps, 5).shape) == step.shape((2, 2, 2), 5) == (2, 5, 2, 2)
    step = adapter.validate_python({"reshape": "to_float"})
    assert _reshape(step, maps, 5).is_floating_point()
    assert step.shape((2, 2, 2), 5) == (2, 2, 2)


@pytest.mark.parametrize(
    ("shapes", "function", "remedy"),
    [
        (((16, 8, 8), (16, 4, 4)), "mse", "input_steps: [pool to size 4]"),
        (((16, 8, 8), (16,)), "l1", "input_steps: [pool]"),
        (((16, 8, 8), (32, 8, 8)), "mse", "input_steps: [flatten] and target_steps: [flatten, pool_vector by 2]"),
        (((16, 8, 8), (16, 8, 8)), "cosine_embedding", "input_steps: [flatten] and target_steps: [flatten]"),
        (((10,), (5,)), "mse", "input_steps: [pool_vector by 2]"),
    ],
)
def test_shapes_that_do_not_fit_are_named_with_the_reshapes_that_help(
    shapes: tuple[tuple[int, ...], tuple[int, ...]], function: str, remedy: str
) -> None:
    (problem,) = refused(*(randn(2, *shape) for shape in shapes), loss={"function": function}).problems
    assert (problem.pointer, problem.code) == ("/params/target", "shape_unfit")
    assert all(f"[B {' '.join(map(str, shape))}]" in problem.message for shape in shapes)
    assert problem.allowed is not None
    assert remedy in problem.allowed


def test_labels_that_are_no_class_of_a_vector_are_refused() -> None:
    (problem,) = refused(X, Y, loss={"function": "mse"}, **OF_LABELS).problems
    assert problem.allowed == ("target_steps: [one_hot]",)
    (problem,) = refused(X, Y, loss={"function": "nll"}).problems
    assert problem.allowed == ()
    assert "no reshape helps" in problem.message


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        ({"input_steps": [LOG_SOFTMAX, {"reshape": "pool"}]}, "/params/input_steps/1"),
        ({"target_steps": [{"reshape": "pool_vector", "window": 9}]}, "/params/target_steps/0"),
        ({"target_steps": [{"reshape": "softmax"}], **OF_LABELS}, "/params/target_steps/0"),
    ],
)
def test_a_reshape_that_cannot_be_is_refused_where_it_stands(steps: dict[str, Any], pointer: str) -> None:
    assert [problem.pointer for problem in refused(X, Y, **steps).problems] == [pointer]


def test_one_hot_needs_classes() -> None:
    term = METHODS.create("loss", OF_LABELS | {"target_steps": [{"reshape": "one_hot"}]})
    with pytest.raises(SpecError, match="the data has none"):
        term.build(setting_of({"logits": X}, {}, num_classes=None))


@pytest.mark.parametrize(
    ("params", "pointer", "message"),
    [
        ({"loss": {"function": "triplet_margin"}}, "/params", "takes a `negative`"),
        ({"negative": {"of": "teacher"}}, "/params", "takes a `negative`"),
        ({"input": {"of": "teacher"}}, "/params", "none of the places is the student's"),
        ({"loss": {"function": "mse", "beta": 1}}, "/params/loss/beta", "no field 'beta'"),
        ({"loss": {"function": "msee"}}, "/params/loss/function", "'msee'"),
        ({"input_steps": [{"reshape": "flaten"}]}, "/params/input_steps/0/reshape", "'flaten'"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(params: dict[str, Any], pointer: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        METHODS.create("loss", params)
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


def test_the_schema_tells_the_options_of_each_function_apart() -> None:
    validator = Draft202012Validator(LossParams.model_json_schema())
    assert validator.is_valid({"loss": {"function": "huber", "delta": 2.0}})
    assert not validator.is_valid({"loss": {"function": "mse", "delta": 2.0}})
    assert not validator.is_valid({"loss": {"function": "pickle"}})
