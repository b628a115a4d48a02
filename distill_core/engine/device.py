"""The machine: device, threads, determinism, and what a manifest says of it."""

from __future__ import annotations

import os
import platform
import random
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from distill_core import __version__
from distill_core.errors import Problem, SpecError
from distill_core.spec.runtime import RuntimeSpec

__all__ = ["describe_hardware", "list_versions", "prepare_device"]

PACKAGES = ("torch", "torchvision", "numpy", "safetensors", "pydantic")


def prepare_device(runtime: RuntimeSpec) -> torch.device:
    """Seed everything, set threads and determinism, and return the device to run on.

    Raises:
        SpecError: the spec wants a GPU and there is none.
    """
    if runtime.device == "cuda" and not torch.cuda.is_available():
        raise SpecError(
            [Problem("/runtime/device", "device_missing", "this machine has no usable GPU", "cuda", "cpu, auto")]
        )
    wants_gpu = runtime.device == "cuda" or (runtime.device == "auto" and torch.cuda.is_available())
    device = torch.device("cuda" if wants_gpu else "cpu")
    if runtime.threads is not None:
        torch.set_num_threads(runtime.threads)
    random.seed(runtime.seed)
    np.random.seed(runtime.seed)  # noqa: NPY002  for libraries that draw from numpy's global state
    torch.manual_seed(runtime.seed)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # On a GPU some kernels have no deterministic twin: torch then warns, and the warning is logged.
    torch.use_deterministic_algorithms(runtime.deterministic, warn_only=device.type == "cuda")
    torch.backends.cudnn.benchmark = not runtime.deterministic
    return device


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
