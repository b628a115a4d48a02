"""DIST+: its four parts in loops, the right sign, and what varies in nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.methods.dist_plus import DISTPlus
from distill_core.spec import parse_document
from distill_core.spec.recipe import expand_recipe
from tests.distill_core.methods.settings import activate, batch_of, build_term, randn, total

Named = dict[str, Tensor]
STUDENT: Named = {"logits": 2 * randn(4, 3), "stage3": randn(4, 5, 2, 2, seed=2)}
TEACHER: Named = {"logits": 2 * randn(4, 3, seed=1), "stage3": randn(4, 5, 2, 2, seed=3)}
PARTS = ["inter", "intra", "channel", "spatial"]


def build(student: Named = STUDENT, teacher: Named = TEACHER, **params: Any) -> DISTPlus:
    torch.manual_seed(0)
    term = build_term("dist_plus", params, student, teacher)
    assert isinstance(term, DISTPlus)
    return term


def compute(student: Named = STUDENT, teacher: Named = TEACHER, **params: Any) -> dict[str, Tensor]:
    value: dict[str, Tensor] = build(student, teacher, **params)(activate(student), activate(teacher), batch_of(4))
    return value


def correlate(x: Iterable[Any], y: Iterable[Any]) -> float:
    """Return Pearson's correlation of two series."""
    xs, ys = [float(a) for a in x], [float(a) for a in y]
    dx, dy = ([a - sum(s) / len(s) for a in s] for s in (xs, ys))
    product = sum(a * b for a, b in zip(dx, dy, strict=True))
    return product / math.sqrt(sum(a * a for a in dx) * sum(b * b for b in dy))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_predictions_correlate_over_classes_and_over_the_batch(temperature: float) -> None:
    mine, wanted = ((named["logits"] / temperature).softmax(1) for named in (STUDENT, TEACHER))
    parts = compute(temperature=temperature)
    inter = 1 - sum(correlate(mine[b], wanted[b]) for b in range(4)) / 4
    intra = 1 - sum(correlate(mine[:, k], wanted[:, k]) for k in range(3)) / 3
    assert parts["inter"].item() == pytest.approx(temperature**2 * inter, rel=1e-9)
    assert parts["intra"].item() == pytest.approx(temperature**2 * intra, rel=1e-9)


def test_maps_correlate_over_channels_at_each_pixel_and_their_sums_over_the_batch() -> None:
    mine, wanted = STUDENT["stage3"], TEACHER["stage3"]
    pixels = [(i, j) for i in range(2) for j in range(2)]
    channel = 1 - sum(correlate(mine[b, :, i, j], wanted[b, :, i, j]) for b in range(4) for i, j in pixels) / 16
    sums = [[[float(x[b, :, i, j].sum()) for b in range(4)] for i, j in pixels] for x in (mine, wanted)]
    spatial = 1 - sum(correlate(x, y) for x, y in zip(*sums, strict=True)) / 4
    parts = compute()
    assert list(parts) == PARTS
    assert parts["channel"].item() == pytest.approx(channel, rel=1e-9)
    assert parts["spatial"].item() == pytest.approx(spatial, rel=1e-9)


def test_equal_maps_are_the_best_and_opposite_ones_the_worst() -> None:
    student = TEACHER | {"logits": STUDENT["logits"]}
    opposite = student | {"stage3": -student["stage3"]}
    for part in ("channel", "spatial"):
        assert compute(student)[part].item() == pytest.approx(0, abs=1e-12)
        assert compute(opposite)[part].item() == pytest.approx(2)


@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(-5, 5))
def test_no_part_sees_scale_and_shift_of_the_map(seed: int, scale: float, shift: float) -> None:
    maps = randn(4, 5, 2, 2, seed=seed)
    before, after = (compute(STUDENT | {"stage3": x}) for x in (maps, scale * maps + shift))
    assert [after[part].item() for part in PARTS] == pytest.approx([before[part].item() for part in PARTS], rel=1e-9)


def test_maps_of_other_channels_and_size_are_embedded_and_pooled_to_the_smaller() -> None:
    student = STUDENT | {"stage3": randn(4, 2, 4, 6)}
    term = build(student)
    assert isinstance(term.embed, nn.Conv1d)
    assert term.embed.bias is not None
    pooled = nn.functional.adaptive_avg_pool2d(student["stage3"], 2)
    embedded = torch.einsum("oc,bcij->boij", term.embed.weight[:, :, 0], pooled) + term.embed.bias.view(1, -1, 1, 1)
    value = term(activate(student), activate(TEACHER), batch_of(4))
    expected = compute(STUDENT | {"stage3": embedded.detach()})
    assert [value[part].item() for part in PARTS] == pytest.approx([expected[part].item() for part in PARTS], rel=1e-9)


def test_tokens_are_compared_position_by_position() -> None:
    tokens = [named | {"stage3": named["stage3"].flatten(2).mT} for named in (STUDENT, TEACHER)]
    expected = compute()
    assert [compute(*tokens)[part].item() for part in PARTS] == pytest.approx([expected[p].item() for p in PARTS])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_does_not_vary_correlates_with_nothing_and_gets_no_gradient(dtype: torch.dtype) -> None:
    student = {
        "logits": torch.zeros(4, 3, dtype=dtype, requires_grad=True),
        "stage3": torch.full((4, 5, 2, 2), 0.3, dtype=dtype, requires_grad=True),
    }
    parts = compute(student, {name: x.to(dtype) for name, x in TEACHER.items()})
    assert [value.item() for value in parts.values()] == [1, 1, 1, 1]
    total(parts).backward()
    for x in student.values():
        assert x.grad is not None
        assert not x.grad.any()


def test_the_teacher_gets_no_gradient() -> None:
    student = {name: x.clone().requires_grad_() for name, x in STUDENT.items()}
    teacher = {name: x.clone().requires_grad_() for name, x in TEACHER.items()}
    term = build(student, teacher, embed="conv1x1")
    total(term(activate(student), activate(teacher), batch_of(4))).backward()
    assert all(x.grad is not None for x in (*student.values(), *term.parameters()))
    assert all(x.grad is None for x in teacher.values())


@pytest.mark.parametrize(
    ("maps", "params", "pointer"),
    [
        (randn(4, 2, 2, 2), {"embed": "none"}, "/params/embed"),
        (randn(4, 5), {}, "/params/student_place"),
        (randn(4, 4, 5), {}, "/params/student_place"),
    ],
)
def test_what_has_no_positions_or_channels_in_common_is_refused(
    maps: Tensor, params: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(SpecError) as caught:
        build(STUDENT | {"stage3": maps}, **params)
    assert caught.value.problems[0].pointer == pointer


def test_with_acclimation_the_teacher_learns_from_the_student_first() -> None:
    document = parse_document("""
        {version: 1, name: x, models: {teacher: {model: resnet14}, student: {model: resnet8}},
         data: {train: {dataset: digits}},
         recipe: {name: dist_plus, params: {acclimation_epochs: 3, student_place: stage2, teacher_place: stage3}}}
    """)
    expanded, problems = expand_recipe(document)
    assert problems == []
    teach, start, acclimate, distil = expanded["stages"]
    assert [stage["name"] for stage in (teach, start, acclimate, distil)] == ["teach", "start", "acclimate", "distil"]
    assert (start["student"], list(start["objective"])) == ("student", ["ce"])
    assert (acclimate["student"], acclimate["teachers"], acclimate["epochs"]) == ("teacher", ["student"], 3)
    assert (distil["student"], distil["teachers"]) == ("student", ["teacher"])
    terms = [stage["objective"]["dist_plus"] for stage in (acclimate, distil)]
    assert terms[0]["parts"] == terms[1]["parts"]
    assert terms[0]["params"] | {"student_place": "stage2", "teacher_place": "stage3"} == terms[1]["params"]
    assert terms[0]["params"]["student_place"] == "stage3"
