"""Learned weight processes, read from their artifacts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from distill_core.errors import WeightsError
from distill_core.files import SavedFile, save_file
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.weight import Process
from distill_core.weight import LearnedProcess
from distill_core.weights import Input, locate_weights

__all__ = ["load_process", "load_processes", "save_process"]

TENSOR = "weights"
METADATA_KEY = "stillhouse_process"


def load_processes(
    spec: ResolvedSpec, inputs: Mapping[str, Input], root: Path | None
) -> tuple[dict[str, dict[str, LearnedProcess]], dict[str, str]]:
    """Return the processes that a spec names, by stage and term, and the sha256 of each file.

    Raises:
        WeightsError: a file is missing or holds no process.
    """
    processes: dict[str, dict[str, LearnedProcess]] = {}
    digests: dict[str, str] = {}
    for stage in spec.stages:
        for name, term in stage.objective.items():
            if isinstance(term.parts, Process):
                path, digests[f"{stage.name}/{name}"] = locate_weights(term.parts.source, inputs, root)
                processes.setdefault(stage.name, {})[name] = load_process(path)
    return processes, digests


def load_process(path: Path) -> LearnedProcess:
    """Read a process.

    Raises:
        WeightsError: the file is not one that `save_process` wrote.
    """
    try:
        with safe_open(path, framework="pt") as file:
            names = json.loads((file.metadata() or {})[METADATA_KEY])
            weights = file.get_tensor(TENSOR)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} holds no learned process of weights: {error}") from error
    if weights.dim() != 2 or not isinstance(names, list) or weights.shape[1] != len(names) or not len(weights):
        raise WeightsError(
            f"{path} holds weights {tuple(weights.shape)} for the parts {names}; [steps, parts] are needed"
        )
    return LearnedProcess(tuple(names), weights)


def save_process(path: Path, process: LearnedProcess) -> SavedFile:
    """Write a process; equal ones give equal bytes."""
    content = save({TENSOR: process.weights.contiguous()}, {METADATA_KEY: json.dumps(list(process.names))})
    return save_file(path, lambda file: file.write(content))
