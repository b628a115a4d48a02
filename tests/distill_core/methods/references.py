"""Values of published implementations, the tensors they were computed on, and how our terms are compared with them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.distill_core.methods.settings import activate, batch_of, build_term, total

ROWS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[2] / "data/reference_losses.json").read_text())[
    "methods"
]


LOGITS = {"logits": "student_logits"}


@dataclass(frozen=True)
class Case:
    """A row as the weighted sum of terms.

    Attributes:
        terms: (method, weight, options) of each term.
        tapped: place -> name of the student's tensor there; the teacher's is called alike.
        weights: weight of the term's own modules -> name of its tensor in the row.
        factor: what the row's value is, divided by ours, where the two are proportional by definition.
        taught: place -> name of the teacher's tensor there, where it is not called like the student's.
        facts: further facts that the terms are built with.
    """

    terms: list[tuple[str, float, dict[str, Any]]]
    tapped: dict[str, str] = field(default_factory=lambda: LOGITS)
    weights: dict[str, str] = field(default_factory=dict)
    factor: float = 1.0
    taught: dict[str, str] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def between(path: str, **params: Any) -> dict[str, Any]:
    return {"input": {"of": "student", "path": path}, "target": {"of": "teacher", "path": path}, **params}


class Computed:
    """The sum of a row's terms, and the gradients that it leaves."""

    def __init__(self, row: dict[str, Any], case: Case) -> None:
        self.tensors = {name: _learning(tensor) for name, tensor in draw(row).items()}
        student = {place: self.tensors[name] for place, name in case.tapped.items()}
        names = {place: name.replace("student", "teacher") for place, name in case.tapped.items()}
        taught = names if case.taught is None else case.taught
        teacher = {place: self.tensors[name] for place, name in taught.items()}
        batch = batch_of(8, self.tensors.get("labels"))
        value = torch.zeros((), dtype=torch.float64)
        for method, weight, params in case.terms:
            term = build_term(method, params, student, teacher, **case.facts)
            for path, name in case.weights.items():
                module, _, attribute = path.rpartition(".")
                self.tensors[name] = nn.Parameter(self.tensors[name].detach())
                setattr(term.get_submodule(module), attribute, self.tensors[name])
            value = value + weight * total(term(activate(student), activate(teacher), batch))
        value.backward()
        self.value = value.item()

    def gradient(self, name: str) -> Tensor | None:
        return self.tensors[name].grad


def _learning(tensor: Tensor) -> Tensor:
    return tensor.requires_grad_() if tensor.is_floating_point() else tensor


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


def check_row(name: str, case: Case) -> None:
    """Compare value and gradients of a row with those of our terms; the teacher must get no gradient."""
    row = ROWS[name]
    computed = Computed(row, case)
    tolerance = 1e-5 if "float32" in row["dtype"] else 1e-9
    assert computed.value == pytest.approx(row["value"] / case.factor, rel=tolerance)
    for tensor, norm in row["grad_l2"].items():
        gradient = computed.gradient(tensor)
        assert gradient is not None, tensor
        assert gradient.norm().item() == pytest.approx(norm / case.factor, rel=tolerance, abs=1e-15), tensor
    assert all(computed.gradient(tensor) is None for tensor in row["teacher_grad_l2"])
