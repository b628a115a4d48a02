from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from distill_core.distributed import World, accumulate, share, wrap


@given(num_rows=st.integers(0, 50), size=st.integers(1, 8))
def test_shares_are_equal_and_in_the_order_of_ranks(num_rows: int, size: int) -> None:
    rows = torch.arange(num_rows)
    shares = [share(rows, World(rank=rank, size=size)) for rank in range(size)]
    num_dropped = num_rows % size
    assert {one.num_dropped for one in shares} == {num_dropped}
    assert len({len(one.rows) for one in shares}) == 1
    assert torch.equal(torch.cat([one.rows for one in shares]), rows[: num_rows - num_dropped])


def test_alone_the_objective_is_itself() -> None:
    objective = nn.Linear(1, 1)
    assert wrap(objective, World(), torch.device("cpu")) is objective
    with accumulate(objective, is_last=False):
        objective(torch.ones(1, 1)).sum().backward()
    assert objective.weight.grad is not None
