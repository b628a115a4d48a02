"""The GPUs of this host, asked of NVIDIA's management library; no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pynvml


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, or a MIG part of one, named so that CUDA_VISIBLE_DEVICES understands it."""

    uuid: str
    name: str
    memory_bytes: int


def find_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that this process may use: all of them, or those that CUDA_VISIBLE_DEVICES leaves."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()  # no driver: a host without GPUs
    try:
        boards = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return choose_visible([list(_parts(board)) for board in boards], os.environ.get("CUDA_VISIBLE_DEVICES"))
    finally:
        pynvml.nvmlShutdown()


def choose_visible(boards: list[list[Gpu]], visible: str | None) -> tuple[Gpu, ...]:
    """Return the parts that a value of CUDA_VISIBLE_DEVICES leaves, in its order.

    Args:
        boards: the parts of each board, in the order of the numbers.
        visible: numbers of boards or (beginnings of) ids; None leaves all. As CUDA does, stop at the first unknown.
    """
    parts = [part for board in boards for part in board]
    if visible is None:
        return tuple(parts)
    chosen: list[Gpu] = []
    for name in filter(None, map(str.strip, visible.split(","))):
        is_number = name.isdigit() and int(name) < len(boards)
        named = boards[int(name)] if is_number else [part for part in parts if part.uuid.startswith(name)]
        if not named:
            break
        chosen += named
    return tuple(chosen)


def _parts(board: Any) -> Iterator[Gpu]:
    """Yield a board, or the MIG parts that it is divided into."""
    parts = list(_mig_parts(board))
    for part in parts or [board]:
        yield Gpu(
            uuid=pynvml.nvmlDeviceGetUUID(part),
            name=pynvml.nvmlDeviceGetName(part),
            memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(part).total),
        )


def _mig_parts(board: Any) -> Iterator[Any]:
    try:
        is_divided = pynvml.nvmlDeviceGetMigMode(board)[0] == pynvml.NVML_DEVICE_MIG_ENABLE
    except pynvml.NVMLError:
        return  # the board knows no MIG
    for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(board) if is_divided else 0):
        try:
            yield pynvml.nvmlDeviceGetMigDeviceHandleByIndex(board, index)
        except pynvml.NVMLError_NotFound:
            continue
