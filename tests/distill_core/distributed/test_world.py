from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
import torch

from distill_core.distributed import World, current_world, join_world, leave_world
from distill_core.errors import DistributedError

Place = Callable[..., None]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    """Sets torchrun's variables: rank, number of ranks, and the same on this host."""

    def set_variables(*numbers: object) -> None:
        for name, number in zip(("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"), numbers, strict=False):
            monkeypatch.setenv(name, str(number))

    return set_variables


def test_a_process_that_nobody_launched_is_a_world_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert join_world("cpu") == World(rank=0, size=1, local_rank=0, local_size=1, backend=None)
    assert current_world().is_first
    leave_world()


def test_a_single_rank_needs_nobody_to_meet(place: Place) -> None:
    place(0, 1, 0, 1)
    assert join_world("cpu") == World()


@pytest.mark.parametrize("numbers", [(0, 2), (0, 2, 0, "two"), (2, 2, 0, 1), (0, 2, 1, 1), (0, 2, 0, 3)])
def test_places_that_cannot_be_are_refused(numbers: tuple[object, ...], place: Place) -> None:
    place(*numbers)
    with pytest.raises(DistributedError, match=r"RANK is set, but not all|cannot be"):
        join_world("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_rank_without_a_gpu_of_its_own_says_how_many_there_are(place: Place) -> None:
    place(0, 2, 0, 2)
    with pytest.raises(DistributedError, match="needs GPU 0 of its host, which has 0"):
        join_world("cuda")


def test_ranks_that_do_not_come_are_waited_for_only_so_long(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place(0, 2, 0, 2)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(port))
    with pytest.raises(DistributedError, match=f"rank 0 did not meet the other 1 ranks at 127.0.0.1:{port} within 1 s"):
        join_world("cpu", timeout_s=1)
    assert current_world() == World()
