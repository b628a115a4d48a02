"""Who takes part in a run: joined once at its start, left at its end."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import torch
from torch import distributed
from torch._C._distributed_c10d import Store, TCPStore  # torch.distributed has them, but does not declare it
from torch.distributed import ProcessGroup
from torch.distributed.rendezvous import rendezvous

from distill_core.errors import DistributedError
from distill_core.rank import STORE_DESCRIPTOR

__all__ = ["World", "cpu_group", "current_world", "join_world", "leave_world"]


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: number of this process among all, from 0.
        size: how many there are.
        local_rank: number of this process on its host: its device.
        local_size: how many this host has.
        backend: gloo or nccl; None for a single process.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    backend: str | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process speaks for all: it writes events, checkpoints and artifacts."""
        return self.rank == 0


@dataclass(slots=True)
class _Membership:
    world: World
    cpu_group: ProcessGroup | None = None


_membership = _Membership(World())


def current_world() -> World:
    """Return the world that this process has joined; a world of one before and after."""
    return _membership.world


def cpu_group() -> ProcessGroup | None:
    """Return the group that carries CPU tensors; None is the default one."""
    return _membership.cpu_group


def join_world(device_type: str, timeout_s: float = 1800.0) -> World:
    """Meet the other ranks that torchrun's environment variables speak of.

    Args:
        device_type: cpu or cuda; with cuda this process gets the device of its local rank.
        timeout_s: seconds after which a rank that does not answer is given up.

    Raises:
        DistributedError: the environment contradicts itself or the machine, or the others do not come.
    """
    world = _read_environment("nccl" if device_type == "cuda" else "gloo")
    if world.size == 1:
        return world
    device = _take_device(world) if device_type == "cuda" else None
    timeout = timedelta(seconds=timeout_s)
    try:
        store = _open_store(world, timeout)
        distributed.init_process_group(
            world.backend, store=store, rank=world.rank, world_size=world.size, timeout=timeout, device_id=device
        )
        side = None if device is None else cast("ProcessGroup", distributed.new_group(backend="gloo", timeout=timeout))
    except RuntimeError as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise DistributedError(
            f"rank {world.rank} did not meet the other {world.size - 1} ranks at {where} within {timeout_s:g} s: "
            f"{error}; every host has to be started with the same spec and --master, which must be reachable"
        ) from error
    _membership.world, _membership.cpu_group = world, side
    return world


def leave_world() -> None:
    """Part from the others, and be a world of one again.

    For runs that succeeded or stopped. After an error leave the process instead: torch may hang or abort where it takes
    down connections to ranks that are gone.
    """
    _membership.world, _membership.cpu_group = World(), None
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _read_environment(backend: str) -> World:
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    if names[0] not in os.environ:
        return World()
    try:
        rank, size, local_rank, local_size = (int(os.environ[name]) for name in names)
    except (KeyError, ValueError) as error:
        values = {name: os.environ.get(name) for name in names}
        raise DistributedError(
            f"RANK is set, but not all of torchrun's variables are whole numbers: {values}"
        ) from error
    if not (0 <= rank < size and 0 <= local_rank < local_size <= size):
        raise DistributedError(f"rank {rank} of {size}, {local_rank} of {local_size} on its host, cannot be")
    return World(rank, size, local_rank, local_size, backend) if size > 1 else World()


def _take_device(world: World) -> torch.device:
    count = torch.cuda.device_count()
    if world.local_rank >= count:
        raise DistributedError(
            f"rank {world.rank} needs GPU {world.local_rank} of its host, which has {count}; "
            f"set runtime.devices to at most {count}"
        )
    device = torch.device("cuda", world.local_rank)
    torch.cuda.set_device(device)
    return device


def _open_store(world: World, timeout: timedelta) -> Store:
    """Return the store where ranks find one another; rank 0 keeps it unless torchrun's agent does."""
    held = os.environ.get(STORE_DESCRIPTOR)
    if held is None:
        store: Store = next(rendezvous("env://", world.rank, world.size, timeout=timeout))[0]
        return store
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return TCPStore(
        address, port, world.size, is_master=True, timeout=timeout, wait_for_workers=False, master_listen_fd=int(held)
    )
