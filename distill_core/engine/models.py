"""The models of a run: built from the seed, filled from files."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from distill_core.draw import hash_keys
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.spec.experiment import ResolvedSpec
from distill_core.weights import Input, load_weights, locate_weights

__all__ = ["Cast", "build_models"]


@dataclass(frozen=True, slots=True)
class Cast:
    """The models of a run by name, and the sha256 of the file of each that was filled from one."""

    models: Mapping[str, Model]
    sha256: Mapping[str, str]


def build_models(spec: ResolvedSpec, inputs: Mapping[str, Input], root: Path | None, device: torch.device) -> Cast:
    """Build every model; its initial weights are a function of the run's seed and its name.

    Raises:
        WeightsError: a weight file is missing or fits another model.
    """
    models: dict[str, Model] = {}
    digests: dict[str, str] = {}
    for name, config in spec.models.items():
        torch.manual_seed(hash_keys(spec.runtime.seed, zlib.crc32(name.encode())))
        model = MODELS.create(config.model, config.params, f"/models/{name}")
        if config.weights is not None:
            path, digests[name] = locate_weights(config.weights, inputs, root)
            load_weights(model, path)
        models[name] = model.to(device, torch.float64 if spec.runtime.precision == "fp64" else None)
    return Cast(models, digests)
