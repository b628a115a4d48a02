"""This host as the service sees it: slots, and what people like to know of the machine."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import asdict, dataclass
from importlib.metadata import version

import psutil

from server.jobs.workers import Announcement, Slot
from server.settings import Settings
from worker.gpus import Gpu, find_gpus
from worker.identity import Identity


@dataclass(frozen=True, slots=True)
class Host:
    """A worker's identity and the devices behind its slots.

    Attributes:
        identity: who the worker is.
        announcement: what it tells the service.
        visible: for each slot, what CUDA_VISIBLE_DEVICES must say; empty for the CPU.
    """

    identity: Identity
    announcement: Announcement
    visible: tuple[str, ...]


def describe_host(settings: Settings, identity: Identity) -> Host:
    """Return this host with a slot a GPU, or as many as the settings ask for; slots beyond the GPUs share them."""
    gpus = find_gpus()
    num_slots = settings.worker_slots or len(gpus) or 1
    owners = [gpus[index % len(gpus)] if gpus else None for index in range(num_slots)]
    announcement = Announcement(
        worker_id=identity.worker_id,
        pool=settings.pool,
        host=socket.gethostname(),
        pid=os.getpid(),
        incarnation=identity.incarnation,
        version=version("stillhouse"),
        facts=_facts(gpus),
        slots=tuple(_slot(index, gpu) for index, gpu in enumerate(owners)),
    )
    return Host(identity, announcement, tuple(gpu.uuid if gpu else "" for gpu in owners))


def _slot(index: int, gpu: Gpu | None) -> Slot:
    if gpu is None:
        return Slot(index, "cpu", platform.processor() or platform.machine())
    return Slot(index, "cuda", gpu.name, gpu.memory_bytes)


def _facts(gpus: tuple[Gpu, ...]) -> dict[str, object]:
    return {
        "gpus": [asdict(gpu) for gpu in gpus],
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "platform": platform.platform(),
        "python": platform.python_version(),
    }
