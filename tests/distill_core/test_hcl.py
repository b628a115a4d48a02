"""The hierarchical context loss: published values, its formula in loops, and what it tells of coarse differences."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from distill_core.hcl import hierarchical_context_loss
from tests.distill_core.methods.references import ROWS, draw
from tests.distill_core.methods.settings import randn


@pytest.mark.parametrize("name", ["kr_hcl.official", "kr_hcl.torchdistill"])
def test_value_and_gradients_are_those_of_the_published_implementation(name: str) -> None:
    row, tensors = ROWS[name], draw(ROWS[name])
    total = torch.zeros((), dtype=torch.float64)
    for number in range(3):
        student = tensors[f"student_feat{number}"].requires_grad_()
        loss = hierarchical_context_loss(student, tensors[f"teacher_feat{number}"])
        assert loss.item() == pytest.approx(row["components"][f"term{number}"], rel=1e-9)
        total = total + loss
    total.backward()
    assert total.item() == pytest.approx(row["value"], rel=1e-9)
    for tensor, norm in row["grad_l2"].items():
        gradient = tensors[tensor].grad
        assert gradient is not None
        assert gradient.norm().item() == pytest.approx(norm, rel=1e-9)


def coarsen(x: Tensor, grid: int) -> Tensor:
    """Return the averages of the cells of a grid; H and W are multiples of its side."""
    height, width = x.shape[2] // grid, x.shape[3] // grid
    rows = [
        torch.stack([x[..., i * height :, j * width :][..., :height, :width].mean((2, 3)) for j in range(grid)], dim=-1)
        for i in range(grid)
    ]
    return torch.stack(rows, dim=-2)


@pytest.mark.parametrize(
    ("side", "grids"), [(8, {4: 0.5, 2: 0.25, 1: 0.125}), (4, {2: 0.5, 1: 0.25}), (2, {1: 0.5}), (1, {})]
)
def test_grids_below_the_maps_height_are_weighted_by_halves(side: int, grids: dict[int, float]) -> None:
    student, teacher = randn(3, 5, side, side), randn(3, 5, side, side, seed=1)
    expected = (student - teacher).square().mean()
    for grid, weight in grids.items():
        expected = expected + weight * (coarsen(student, grid) - coarsen(teacher, grid)).square().mean()
    expected = expected / (1 + sum(grids.values()))
    assert hierarchical_context_loss(student, teacher).item() == pytest.approx(expected.item(), rel=1e-12)


@given(st.floats(-5, 5))
def test_a_shift_of_the_whole_map_counts_as_its_square_on_every_grid(shift: float) -> None:
    x = randn(2, 3, 8, 8)
    assert hierarchical_context_loss(x + shift, x).item() == pytest.approx(shift * shift, rel=1e-9, abs=1e-12)
