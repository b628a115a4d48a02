"""Connectors: the shapes that they make, how they start, and what they cannot join."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from distill_core.connector import build_connector, fit_convolution

sides = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(sides, sides)
def test_a_connector_gives_the_teachers_shape_or_is_none(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    student, teacher = torch.Size([2, 3, *size]), torch.Size([2, 5, *wanted])
    connector = build_connector(student, teacher)
    is_half = all(2 * mine == other for mine, other in zip(size, wanted, strict=True))
    is_large = all(mine >= other for mine, other in zip(size, wanted, strict=True))
    assert (connector is not None) == (is_half or is_large)
    if connector is not None:
        assert connector.eval()(torch.zeros(student)).shape == teacher


@pytest.mark.parametrize(("size", "kernel"), [(4, 1), (8, 3), (2, 4), (6, 3)])
def test_its_convolution_has_no_bias_and_starts_as_the_authors_do(size: int, kernel: int) -> None:
    torch.manual_seed(0)
    connector = build_connector(torch.Size([2, 64, size, size]), torch.Size([2, 32, 4, 4]))
    assert connector is not None
    convolution, norm = connector
    assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
    assert convolution.bias is None
    assert convolution.kernel_size == (kernel, kernel)
    expected = math.sqrt(2 / (kernel * kernel * 32))
    assert convolution.weight.std().item() == pytest.approx(expected, rel=0.1)
    assert isinstance(norm, nn.BatchNorm2d)


@pytest.mark.parametrize(("student", "teacher"), [((2, 3), (2, 3)), ((2, 3, 4, 4), (2, 16, 3)), ((2, 16, 3), (2, 3))])
def test_no_convolution_joins_what_are_no_maps(student: tuple[int, ...], teacher: tuple[int, ...]) -> None:
    assert fit_convolution(torch.Size(student), torch.Size(teacher)) is None
