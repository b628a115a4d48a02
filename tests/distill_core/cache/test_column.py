from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill_core.cache import Column, Format
from distill_core.errors import CacheError

EPSILONS: dict[Format, float] = {"fp64": 0, "fp32": 0, "fp16": 2**-11, "bf16": 2**-8}


def draw_logits(seed: int, classes: int, scale: float = 5.0) -> Tensor:
    return torch.randn(6, classes, generator=torch.Generator().manual_seed(seed)) * scale


def round_trip(column: Column, values: Tensor) -> Tensor:
    return column.decode(column.encode(values))


@pytest.mark.parametrize(("name", "epsilon"), EPSILONS.items())
def test_a_plain_column_gives_back_what_its_format_holds(name: Format, epsilon: float) -> None:
    values = torch.randn(7, 3, 4, 4, dtype=torch.float64 if name == "fp64" else torch.float32)
    values = values.contiguous(memory_format=torch.channels_last)
    back = round_trip(Column("stage2", (3, 4, 4), name), values)
    assert back.dtype == values.dtype
    assert back.is_contiguous()
    assert ((back - values).abs() <= epsilon * values.abs()).all()


def test_fp32_keeps_every_bit_even_of_what_is_no_number() -> None:
    values = torch.tensor([[float("nan"), float("-inf"), -0.0, 1e-45]])
    back = round_trip(Column("logits", (4,)), values)
    assert torch.equal(back.view(torch.int32), values.view(torch.int32))


@settings(deadline=None)  # the first call of an operator is slow
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 40), data=st.data())
def test_top_k_keeps_the_largest_logits_and_the_probability_of_the_rest(
    seed: int, classes: int, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, classes - 1))
    logits = draw_logits(seed, classes)
    back = round_trip(Column("logits", (classes,), top_k=k), logits)
    kept = logits.topk(k, dim=1)
    assert torch.equal(back.gather(1, kept.indices), kept.values)
    torch.testing.assert_close(back.logsumexp(1), logits.logsumexp(1))
    rest = back.scatter(1, kept.indices, float("nan"))
    assert all(len(row[~row.isnan()].unique()) == 1 for row in rest)


@settings(deadline=None)  # the first call of an operator is slow
@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50))
def test_a_constant_added_to_the_logits_is_added_to_what_top_k_gives_back(seed: int, shift: float) -> None:
    column = Column("logits", (10,), top_k=3)
    logits = draw_logits(seed, 10)
    torch.testing.assert_close(round_trip(column, logits + shift), round_trip(column, logits) + shift)


@pytest.mark.parametrize(("classes", "itemsize"), [(2**16 - 1, 2), (2**16, 4)])
def test_places_take_16_bits_while_the_row_is_short_enough(classes: int, itemsize: int) -> None:
    column = Column("logits", (classes,), "fp16", top_k=2)
    logits = torch.zeros(1, classes)
    logits[0, -1], logits[0, 40_000] = 20, 10
    assert column.encode(logits)[1].dtype.itemsize == itemsize
    assert round_trip(column, logits).topk(2).indices.tolist() == [[classes - 1, 40_000]]


@pytest.mark.parametrize("name", ["fp32", "fp16", "bf16"])
def test_the_places_of_the_largest_logits_are_exact_in_every_format(name: Format) -> None:
    classes = 5000
    logits = torch.eye(classes) * 20
    column = Column("logits", (classes,), name, top_k=1)
    for part in logits.split(1000):
        assert round_trip(column, part).argmax(1).equal(part.argmax(1))


def test_fp64_logits_keep_their_precision_with_top_k() -> None:
    logits = draw_logits(0, 12).double() + 1e-12
    back = round_trip(Column("logits", (12,), "fp64", top_k=4), logits)
    torch.testing.assert_close(back.logsumexp(1), logits.logsumexp(1), rtol=1e-14, atol=0)


@pytest.mark.parametrize("top_k", [0, -1, 5, 6])
def test_a_top_k_that_leaves_no_rest_is_refused(top_k: int) -> None:
    with pytest.raises(CacheError, match="at least 1 and less than"):
        Column("logits", (5,), top_k=top_k)


def test_a_map_has_no_top_k() -> None:
    with pytest.raises(CacheError, match="one dimension"):
        Column("stage2", (3, 4, 4), top_k=1)


def test_an_empty_output_is_refused() -> None:
    with pytest.raises(CacheError, match="nothing to store"):
        Column("logits", (0,))


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CacheError, match=r"int4.*fp64, fp32, fp16, bf16"):
        Column("logits", (5,), "int4")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.zeros(2, 6), r"shape \(6,\), the cache \(5,\)"),
        (torch.zeros(2, 5, dtype=torch.float64), "needs the format fp64"),
        (torch.zeros(2, 5, dtype=torch.int64), "cannot be cached"),
    ],
    ids=["shape", "float64", "integers"],
)
def test_values_that_do_not_fit_are_refused(values: Tensor, message: str) -> None:
    with pytest.raises(CacheError, match=message):
        Column("logits", (5,)).encode(values)
