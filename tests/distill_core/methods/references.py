"""Values of published implementations, and the tensors they were computed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

ROWS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[2] / "data/reference_losses.json").read_text())[
    "methods"
]


def draw(row: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a row by name, drawn as the data file says."""
    tensors = {}
    for entry in row["inputs"]:
        tensor = _draw_one(entry, torch.Generator("cpu").manual_seed(entry["seed"]))
        assert tensor.sum().item() == pytest.approx(entry["sum"], rel=1e-9)
        tensors[entry["name"]] = tensor
    return tensors


def _draw_one(entry: dict[str, Any], generator: torch.Generator) -> Tensor:
    match entry["kind"]:
        case "randint":
            return torch.randint(entry["low"], entry["high"], entry["shape"], generator=generator)
        case "randperm":
            return torch.randperm(entry["high"], generator=generator)[: entry["shape"][0]]
    kind = torch.rand if entry["kind"] == "rand" else torch.randn
    drawn: Tensor = kind(entry["shape"], generator=generator, dtype=torch.float64) * entry["scale"] + entry["shift"]
    return drawn.relu() if entry["relu"] else drawn
