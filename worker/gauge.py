"""What an engine takes of its host, measured from outside: processors, memory, disk and GPUs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil
import pynvml

INTERVAL_S = 5.0
"""Seconds between two readings."""


@dataclass(frozen=True, slots=True)
class _Usage:
    """What a process has used since it began."""

    cpu_s: float = 0.0
    read_bytes: int = 0
    written_bytes: int = 0


class Gauge:
    """Reads every few seconds what the processes of an engine use, and how busy its GPUs are.

    Args:
        pid: the engine's first process; its children are the ranks and loaders.
        visible: value of CUDA_VISIBLE_DEVICES: the ids of its GPUs.
        interval_s: seconds between two readings.
    """

    def __init__(self, pid: int, visible: str, interval_s: float = INTERVAL_S) -> None:
        self._pid = pid
        self._gpus = [uuid for uuid in visible.split(",") if uuid]
        self._interval_s = interval_s
        self._read_at = time.monotonic()
        self._known: dict[psutil.Process, _Usage] = {}

    def read(self) -> dict[str, float]:
        """Return the figures once they are due; nothing before, or when the engine has ended."""
        spent_s = time.monotonic() - self._read_at
        processes = self._find_processes() if spent_s >= self._interval_s else []
        if not processes or spent_s <= 0:
            return {}
        used = {process: usage for process in processes if (usage := _measure(process)) is not None}
        changes = [(usage, self._known.get(process, _Usage())) for process, usage in used.items()]
        self._known, self._read_at = used, self._read_at + spent_s
        return {
            "system/cpu_cores": sum(usage.cpu_s - before.cpu_s for usage, before in changes) / spent_s,
            "system/memory_bytes": float(sum(map(_measure_memory, processes))),
            "system/read_bytes_per_s": sum(usage.read_bytes - before.read_bytes for usage, before in changes) / spent_s,
            "system/written_bytes_per_s": sum(usage.written_bytes - before.written_bytes for usage, before in changes)
            / spent_s,
            **dict(_read_gpus(self._gpus)),
        }

    def _find_processes(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self._pid)
            return [first, *first.children(recursive=True)]
        except psutil.Error:
            return []


def _measure(process: psutil.Process) -> _Usage | None:
    """Return what a process has used, None where it is gone or is not ours to look at."""
    try:
        times, disk = process.cpu_times(), process.io_counters()
    except (psutil.Error, OSError):
        return None
    return _Usage(times.user + times.system, disk.read_bytes, disk.write_bytes)


def _measure_memory(process: psutil.Process) -> int:
    """Return the resident bytes of a process; pages that processes share count in each."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _read_gpus(uuids: list[str]) -> Iterator[tuple[str, float]]:
    """Yield the share of time in which each GPU computed, and its memory in use; a part of a GPU tells no share."""
    if not uuids:
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return
    try:
        for number, uuid in enumerate(uuids):
            with suppress(pynvml.NVMLError):
                gpu = pynvml.nvmlDeviceGetHandleByUUID(uuid)
                yield f"system/gpu{number}_memory_bytes", float(pynvml.nvmlDeviceGetMemoryInfo(gpu).used)
                yield f"system/gpu{number}_busy_ratio", pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100
    finally:
        pynvml.nvmlShutdown()
