"""The machine: device, threads, determinism, and what a manifest says of it."""

from __future__ import annotations

import os
import platform
import random
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed

from distill_core import __version__
from distill_core.distributed import World, join_world
from distill_core.distributed.world import cpu_group
from distill_core.errors import DistributedError, Problem, SpecError
from distill_core.spec.runtime import RuntimeSpec

__all__ = ["Machine", "describe_hardware", "list_versions", "prepare_machine"]

PACKAGES = ("torch", "torchvision", "numpy", "safetensors", "pydantic", "onnx", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run runs on.

    Attributes:
        device: this process's device.
        world: the processes of the run.
        runtime: how the run executes.
    """

    device: torch.device
    world: World
    runtime: RuntimeSpec

    def gather_rng(self) -> list[dict[str, Any]]:
        """Return the states of the random generators of every process, in the order of ranks."""
        own = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            own["cuda"] = torch.cuda.get_rng_state(self.device)
        gathered = {name: _gather_states(state, self.world) for name, state in own.items()}
        return [{name: states[rank] for name, states in gathered.items()} for rank in range(self.world.size)]

    def restore_rng(self, states: list[dict[str, Any]]) -> None:
        """Take up the state that this process's generators had."""
        own = states[self.world.rank]
        torch.set_rng_state(own["cpu"])
        if "cuda" in own and self.device.type == "cuda":
            torch.cuda.set_rng_state(own["cuda"], self.device)


def join(runtime: RuntimeSpec) -> World:
    """Meet the other processes of the run, if it has any.

    Raises:
        DistributedError: they do not come, or there are more or fewer than the spec says.
    """
    world = join_world("cuda" if _wants_gpu(runtime) else "cpu")
    wanted = runtime.devices * runtime.nodes
    if world.size != wanted:
        raise DistributedError(
            f"{world.size} processes were started, and the spec's runtime.devices x runtime.nodes is {wanted}"
        )
    return world


def _wants_gpu(runtime: RuntimeSpec) -> bool:
    return runtime.device == "cuda" or (runtime.device == "auto" and torch.cuda.is_available())


def _gather_states(state: Tensor, world: World) -> list[Tensor]:
    """Return the states [n] uint8 of all ranks, on the CPU."""
    if world.size == 1:
        return [state]
    states = [torch.empty_like(state) for _ in range(world.size)]
    distributed.all_gather(states, state, group=cpu_group())
    return states


def prepare_machine(runtime: RuntimeSpec, world: World) -> Machine:
    """Seed everything, set threads and determinism, and return what the run runs on.

    Raises:
        SpecError: the spec wants a GPU and there is none.
    """
    if runtime.device == "cuda" and not torch.cuda.is_available():
        raise SpecError(
            [Problem("/runtime/device", "device_missing", "this machine has no usable GPU", "cuda", "cpu, auto")]
        )
    device = torch.device("cuda", world.local_rank) if _wants_gpu(runtime) else torch.device("cpu")
    if runtime.threads is not None:
        torch.set_num_threads(runtime.threads)
    random.seed(runtime.seed)
    np.random.seed(runtime.seed)  # noqa: NPY002  for libraries that draw from numpy's global state
    torch.manual_seed(runtime.seed)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # On a GPU some kernels have no deterministic twin: torch then warns, and the warning is logged.
    torch.use_deterministic_algorithms(runtime.deterministic, warn_only=device.type == "cuda")
    # Filling every new tensor with NaN takes a tenth of a step and only shows who reads what was never written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # the module makes it up
    torch.backends.cudnn.benchmark = not runtime.deterministic
    return Machine(device, world, runtime)


def list_versions() -> dict[str, str]:
    """Return the versions of what the figures depend on."""
    versions = {"python": platform.python_version(), "stillhouse": __version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def describe_hardware(device: torch.device) -> dict[str, Any]:
    """Return what the run ran on."""
    hardware: dict[str, Any] = {
        "device": device.type,
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "num_cpus": os.cpu_count(),
        "num_threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        hardware |= {"gpu": properties.name, "gpu_memory_bytes": properties.total_memory, "cuda": torch.version.cuda}
    return hardware
