"""Distances between samples, by pairs."""

from __future__ import annotations

import pytest
import torch

from distill_core.distance import measure_distances
from tests.distill_core.methods.settings import randn


def test_every_two_rows_have_their_euclidean_distance() -> None:
    rows = randn(5, 3)
    distances = measure_distances(rows)
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert distances[i, j].item() == pytest.approx(sum((one - other) ** 2).item() ** 0.5, rel=1e-9)


def test_equal_rows_have_a_finite_gradient() -> None:
    rows = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)
    distances = measure_distances(rows)
    distances.sum().backward()
    assert distances.diagonal().tolist() == [0, 0, 0]
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
