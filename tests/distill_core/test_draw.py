from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from distill_core.draw import draw_below, draw_order, draw_uniform, hash_keys

CPU = torch.device("cpu")


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 500))
def test_an_order_is_a_permutation_and_a_function_of_its_seed(seed: int, count: int) -> None:
    order = draw_order(seed, count, CPU)
    assert order.sort().values.equal(torch.arange(count))
    assert order.equal(draw_order(seed, count, CPU))


@given(seed=st.integers(0, 2**32 - 1), start=st.integers(0, 10**6))
def test_a_draw_does_not_depend_on_what_is_drawn_beside_it(seed: int, start: int) -> None:
    index = torch.arange(start, start + 20)
    assert draw_uniform(seed, index)[7:9].equal(draw_uniform(seed, index[7:9]))
    assert draw_below(9, seed, index)[3].equal(draw_below(9, seed, index[3:4])[0])


def test_draws_are_spread_evenly() -> None:
    index = torch.arange(100_000)
    uniform = draw_uniform(hash_keys(1, 2, 3), index)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.005
    counts = draw_below(8, 5, index).bincount(minlength=8)
    assert (counts - 12_500).abs().max() < 500


def test_neighbouring_keys_give_unrelated_draws() -> None:
    index = torch.arange(50_000)
    draws = torch.stack([draw_uniform(hash_keys(0, epoch, lane), index) for epoch in range(3) for lane in range(3)])
    correlation = torch.corrcoef(torch.cat([draws, draws[:1].roll(1, 1)]))
    assert (correlation - torch.eye(10)).abs().max() < 0.03


def test_the_order_of_keys_matters() -> None:
    assert len({hash_keys(*keys) for keys in [(1, 2), (2, 1), (1,), (1, 2, 0), (0, 1, 2)]}) == 5
