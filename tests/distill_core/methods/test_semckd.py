"""SemCKD: its formula in loops, its attention, and batches of other sizes than the first."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor

from distill_core.distributed import current_world
from distill_core.errors import SpecError
from distill_core.methods.semckd import SemCKD
from tests.distill_core.methods.settings import Named, activate, batch_of, build_term, randn

STUDENT = {"stage1": randn(8, 3, 8, 8), "stage2": randn(8, 4, 4, 4, seed=1)}
TEACHER = {
    "stage1": randn(8, 5, 4, 4, seed=2),
    "stage2": randn(8, 6, 2, 2, seed=3),
    "stage3": randn(8, 2, 2, 2, seed=4),
}


PARTS = (slice(0, 8), slice(8, 16))


def build(student: Named = STUDENT, teacher: Named = TEACHER, **params: float) -> Any:
    """Return the term, as anything: lists of modules do not know the types of their entries."""
    torch.manual_seed(0)
    places = {"student_places": list(student), "teacher_places": list(teacher)}
    term = build_term("semckd", {**places, **params}, student, teacher)
    assert isinstance(term, SemCKD)
    return term


def compute(term: Any, student: Named = STUDENT, teacher: Named = TEACHER) -> Tensor:
    value: Tensor = term(activate(student), activate(teacher), batch_of(len(next(iter(student.values())))))
    return value


def take(tensors: Named, count: int) -> dict[str, Tensor]:
    return {name: tensor[:count] for name, tensor in tensors.items()}


def mean_square(difference: Tensor) -> Tensor:
    return sum((value * value for value in difference.flatten()), torch.zeros(())) / difference.numel()


def embed(layers: Any, gram: Tensor) -> Tensor:
    first, _, second = layers.children()
    hidden = (gram @ first.weight.T + first.bias).clamp(min=0)
    embedded: Tensor = hidden @ second.weight.T + second.bias
    return torch.stack([row / row.square().sum().sqrt() for row in embedded])


def spell_out(term: Any, student: Named, teacher: Named, scale: float) -> Tensor:
    """Return the loss in loops over samples and pairs of maps."""
    mine, others = list(student.values()), list(teacher.values())
    grams = [torch.stack([torch.stack([(a * b).sum() for b in x]) for a in x]) for x in (*mine, *others)]
    queries = [embed(layers, gram) for layers, gram in zip(term.queries, grams, strict=False)]
    keys = [embed(layers, gram) for layers, gram in zip(term.keys, grams[len(mine) :], strict=True)]
    total = torch.zeros((), dtype=torch.float64)
    for i, x in enumerate(mine):
        for j, y in enumerate(others):
            ratio = x.shape[2] // y.shape[2]
            pooled = torch.nn.functional.avg_pool2d(x, ratio) if ratio > 1 else x
            projected = term.projectors[i][j](pooled)
            wanted = torch.nn.functional.avg_pool2d(y, 1 if ratio else y.shape[2] // x.shape[2])
            for sample in range(len(x)):
                energies = torch.stack([queries[i][sample] @ key[sample] / scale for key in keys])
                share = energies[j].exp() / energies.exp().sum()
                total = total + share * mean_square(projected[sample] - wanted[sample])
    return total / (len(mine[0]) * len(mine))


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_it_is_the_attended_mean_of_the_squared_differences(scale: float) -> None:
    term = build(scale=scale)
    assert compute(term).item() == pytest.approx(spell_out(term, STUDENT, TEACHER, scale).item(), rel=1e-12)


def test_the_larger_map_of_a_pair_is_pooled_whosever_it_is() -> None:
    student, teacher = {"stage1": randn(8, 3, 2, 2)}, {"stage1": randn(8, 5, 8, 8, seed=1)}
    term = build(student, teacher)
    assert compute(term, student, teacher).item() == pytest.approx(
        spell_out(term, student, teacher, 1.0).item(), rel=1e-12
    )


def test_a_single_map_of_the_teacher_gets_all_attention() -> None:
    student, teacher = {"stage2": STUDENT["stage2"]}, {"stage1": TEACHER["stage1"]}
    term = build(student, teacher)
    difference = term.projectors[0][0](student["stage2"]) - teacher["stage1"]
    assert compute(term, student, teacher).item() == pytest.approx(difference.square().mean().item(), rel=1e-12)


@pytest.mark.parametrize("order", list(permutations(range(3)))[1:])
def test_it_does_not_see_the_order_of_the_teachers_maps(order: tuple[int, ...]) -> None:
    term, names = build(), list(TEACHER)
    teacher = {f"stage{place}": TEACHER[names[number]] for place, number in enumerate(order)}
    other = build(STUDENT, teacher)
    other.queries.load_state_dict(term.queries.state_dict())
    for place, number in enumerate(order):
        other.keys[place].load_state_dict(term.keys[number].state_dict())
        for mine, projectors in enumerate(other.projectors):
            projectors[place].load_state_dict(term.projectors[mine][number].state_dict())
    assert compute(other, STUDENT, teacher).item() == pytest.approx(compute(term).item(), rel=1e-9)


def test_queries_and_keys_are_as_long_as_a_share_of_the_batch() -> None:
    assert [layers[2].out_features for layers in build().queries] == [2, 2]
    assert [layers[0].out_features for layers in build(factor=100).keys] == [2, 2, 2]
    assert build().queries[0][0].in_features == 8


@pytest.mark.parametrize("count", [1, 5, 7])
def test_a_shorter_batch_is_filled_up_with_zeros(count: int) -> None:
    term = build().eval()
    student, teacher = take(STUDENT, count), take(TEACHER, count)
    for layers in (*term.queries, *term.keys):
        layers[0].weight.data[:, count:] = 1e9
    expected = build().eval()
    for layers in (*expected.queries, *expected.keys):
        layers[0].weight = torch.nn.Parameter(layers[0].weight[:, :count])
    assert compute(term, student, teacher).item() == pytest.approx(
        spell_out(expected, student, teacher, 1.0).item(), rel=1e-9
    )


def test_a_longer_batch_is_taken_in_groups() -> None:
    term = build().eval()
    student, teacher = ({name: torch.cat([x, 2 * x]) for name, x in tensors.items()} for tensors in (STUDENT, TEACHER))
    halves = [({n: x[part] for n, x in student.items()}, {n: x[part] for n, x in teacher.items()}) for part in PARTS]
    expected = torch.stack([compute(term, *half) for half in halves]).mean()
    assert current_world().size == 1
    assert compute(term, student, teacher).item() == pytest.approx(expected.item(), rel=1e-9)


def test_every_weight_gets_a_gradient_and_the_teacher_none() -> None:
    student = {name: tensor.clone().requires_grad_() for name, tensor in STUDENT.items()}
    teacher = {name: tensor.clone().requires_grad_() for name, tensor in TEACHER.items()}
    term = build()
    compute(term, student, teacher).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert all(tensor.grad is not None for tensor in student.values())
    assert all(tensor.grad is None for tensor in teacher.values())


def test_maps_of_zeros_give_finite_gradients() -> None:
    student = {name: torch.zeros_like(tensor).requires_grad_() for name, tensor in STUDENT.items()}
    teacher = {name: torch.zeros_like(tensor) for name, tensor in TEACHER.items()}
    term = build()
    for layers in (*term.queries, *term.keys):
        layers[2].bias.data.zero_()
        layers[0].bias.data.fill_(-1)
    compute(term, student, teacher).backward()
    assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in student.values())


@pytest.mark.parametrize(("role", "tensor"), [("student", randn(8, 3)), ("teacher", randn(8, 9, 5))])
def test_what_is_no_map_is_refused_at_its_place(role: str, tensor: Tensor) -> None:
    tensors = {"student": dict(STUDENT), "teacher": dict(TEACHER)}
    tensors[role]["stage2"] = tensor
    with pytest.raises(SpecError, match="projects maps") as caught:
        build(tensors["student"], tensors["teacher"])
    assert caught.value.problems[0].pointer == f"/params/{role}_places/1"
