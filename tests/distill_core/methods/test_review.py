"""Knowledge review: the chain against plain maths, sizes that find themselves, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.hcl import hierarchical_context_loss
from distill_core.methods.review import ABF, Review
from tests.distill_core.methods.settings import Named, activate, batch_of, build_term, randn

STUDENT = {"stage1": randn(3, 4, 8, 8), "stage2": randn(3, 6, 4, 4, seed=1), "pooled": randn(3, 6, seed=2)}
TEACHER = {
    "stage1.pre": randn(3, 5, 8, 8, seed=3),
    "stage2.pre": randn(3, 7, 4, 4, seed=4),
    "pooled": randn(3, 7, seed=5),
}


def build(student: Named = STUDENT, teacher: Named = TEACHER, **params: Any) -> Review:
    term = build_term("review", params, student, teacher)
    assert isinstance(term, Review)
    return term


def compute(term: Review, student: Named = STUDENT, teacher: Named = TEACHER) -> Tensor:
    value: Tensor = term(activate(student), activate(teacher), batch_of(3))
    return value


def enlarge(x: Tensor, size: int) -> Tensor:
    """Return the nearest neighbours on a grid of a multiple of the sides."""
    return x.repeat_interleave(size // x.shape[2], 2).repeat_interleave(size // x.shape[3], 3)


def convolve(x: Tensor, layers: nn.Module) -> Tensor:
    """Return a convolution and batch normalisation, written out."""
    convolution, norm = layers.children()
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    side, margin = convolution.kernel_size[0], convolution.kernel_size[0] // 2
    padded = torch.nn.functional.pad(x, (margin,) * 4)
    height, width = x.shape[2:]
    summed = torch.zeros(len(x), convolution.out_channels, height, width, dtype=x.dtype)
    for i in range(side):
        for j in range(side):
            shifted = padded[:, :, i : i + height, j : j + width]
            summed = summed + torch.einsum("oc,bchw->bohw", convolution.weight[:, :, i, j], shifted)
    mean = summed.mean((0, 2, 3), keepdim=True)
    variance = (summed - mean).square().mean((0, 2, 3), keepdim=True)
    scaled = (summed - mean) / (variance + norm.eps).sqrt()
    return scaled * norm.weight.reshape(1, -1, 1, 1) + norm.bias.reshape(1, -1, 1, 1)


def fuse(level: ABF, x: Tensor, deeper: Tensor) -> Tensor:
    """Return the gated sum, the gates sample by sample and pixel by pixel."""
    assert level.attention is not None
    both = torch.cat([x, deeper], 1)
    weight, bias = level.attention.weight[:, :, 0, 0], level.attention.bias
    assert bias is not None
    scores = torch.einsum("gc,bchw->bghw", weight, both) + bias.reshape(1, 2, 1, 1)
    gates = 1 / (1 + torch.exp(-scores))
    return gates[:, :1] * x + gates[:, 1:] * deeper


def test_levels_are_fused_from_deep_to_shallow_and_each_is_compared() -> None:
    term = build()
    first, second, third = term.levels
    assert isinstance(first, ABF)
    assert isinstance(second, ABF)
    assert isinstance(third, ABF)
    deep = convolve(STUDENT["pooled"].reshape(3, 6, 1, 1), third.narrow)
    middle = fuse(second, convolve(STUDENT["stage2"], second.narrow), enlarge(deep, 4))
    shallow = fuse(first, convolve(STUDENT["stage1"], first.narrow), enlarge(middle, 8))
    expected = hierarchical_context_loss(convolve(deep, third.widen), TEACHER["pooled"].reshape(3, 7, 1, 1))
    expected = expected + hierarchical_context_loss(convolve(middle, second.widen), TEACHER["stage2.pre"])
    expected = expected + hierarchical_context_loss(convolve(shallow, first.widen), TEACHER["stage1.pre"])
    assert compute(term).item() == pytest.approx(expected.item(), rel=1e-9)


def test_a_level_goes_to_the_size_of_the_teachers_map_before_it_is_widened() -> None:
    term, student = build({**STUDENT, "stage1": randn(3, 4, 4, 4)}), {**STUDENT, "stage1": randn(3, 4, 4, 4)}
    first = term.levels[0]
    assert isinstance(first, ABF)
    deeper = randn(3, 6, 2, 2, seed=6)
    reviewed, fused = first(student["stage1"], deeper, torch.Size([8, 8]))
    expected = enlarge(fuse(first, convolve(student["stage1"], first.narrow), enlarge(deeper, 4)), 8)
    assert torch.allclose(fused, expected, rtol=1e-9)
    assert torch.allclose(reviewed, convolve(expected, first.widen), rtol=1e-9, atol=1e-9)
    assert compute(term, student).isfinite()


@pytest.mark.parametrize(
    ("channels", "params", "width"),
    [(6, {}, 6), (600, {}, 512), (6, {"max_channels": 4}, 4), (6, {"max_channels": 9}, 6)],
)
def test_the_chain_is_as_wide_as_the_deepest_level_up_to_a_limit(
    channels: int, params: dict[str, Any], width: int
) -> None:
    term = build({**STUDENT, "pooled": randn(3, channels)}, **params)
    for level, wanted in zip(term.levels, (5, 7, 7), strict=True):
        assert isinstance(level, ABF)
        narrow, widen = (next(layers.children()) for layers in (level.narrow, level.widen))
        assert isinstance(narrow, nn.Conv2d)
        assert isinstance(widen, nn.Conv2d)
        assert (narrow.out_channels, widen.out_channels) == (width, wanted)
        assert narrow.bias is widen.bias is None
        bound, largest = (3 / widen.weight[0].numel()) ** 0.5, widen.weight.abs().max().item()
        assert 0.9 * bound < largest <= bound
    assert [level.attention is None for level in term.levels] == [False, False, True]


def test_every_weight_gets_a_gradient_and_the_teacher_none() -> None:
    student, teacher = ({place: x.clone().requires_grad_() for place, x in maps.items()} for maps in (STUDENT, TEACHER))
    term = build(student, teacher)
    compute(term, student, teacher).backward()
    assert all(parameter.grad is not None for parameter in term.parameters())
    assert all(x.grad is not None for x in student.values())
    assert all(x.grad is None for x in teacher.values())


def test_what_a_shallow_level_of_the_student_gives_does_not_reach_the_deeper_levels() -> None:
    term, learned = build(), []
    for scale in (1, 3):
        term.zero_grad()
        compute(term, {**STUDENT, "stage1": STUDENT["stage1"] ** scale}).backward()
        learned.append([parameter.grad for parameter in term.levels[2].get_submodule("widen").parameters()])
    for one, other in zip(*learned, strict=True):
        assert one is not None
        assert other is not None
        assert torch.allclose(one, other)


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_tokens_are_refused_with_the_place(role: str) -> None:
    tokens = {"student": {**STUDENT, "stage2": randn(3, 16, 6)}, "teacher": {**TEACHER, "stage2.pre": randn(3, 16, 7)}}
    models = {"student": STUDENT, "teacher": TEACHER, role: tokens[role]}
    with pytest.raises(SpecError, match=r"gives \[16, [67]\] a sample, but a review takes maps and vectors") as caught:
        build(**models)
    assert caught.value.problems[0].pointer == f"/params/{role}_places/1"
