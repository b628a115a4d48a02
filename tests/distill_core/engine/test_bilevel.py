"""The seams of methods that learn how to teach: outer parameters moved by `update`, and their weights over time.

The toy is a search in small: two pathways, of which only one helps, weighed by outer parameters that follow the loss on
held-out samples (Liu, Simonyan, Yang: "DARTS", ICLR 2019, arXiv 1806.09055, eq. 7 and 8).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core import catalog
from distill_core.engine.learner import Learner
from distill_core.engine.precision import Precision
from distill_core.errors import SpecError
from distill_core.methods import METHODS
from distill_core.spec import catalog as catalogs
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Step, Term
from tests.distill_core.engine.stages import Ground, document

STEP = 0.01


class PathwayParams(Config):
    """Options of the toy."""

    rate: float = Field(default=1.0, ge=0, description="Rate of the outer parameters.")
    disturbs: bool = Field(default=False, description="Whether an update leaves weights and buffers changed.")


class Pathways(Term[PathwayParams]):
    """Two pathways to imitate: the labels, and noise."""

    Params = PathwayParams
    needs = Needs(labels=True)

    noise: Tensor

    @classmethod
    def places(cls, params: PathwayParams) -> Places:
        """Return the student's logits."""
        return Places(student=(LOGITS,))

    def build(self, setting: Setting) -> None:
        """Make the outer parameters and what the second pathway asks for."""
        self.preferences = nn.Parameter(torch.zeros(2))
        self.register_buffer("noise", torch.randint(10, (setting.index_limit,)))

    def outer_parameters(self) -> Sequence[nn.Parameter]:
        """Return the preferences."""
        return (self.preferences,)

    def update(self, step: Step) -> None:
        """Move the preferences against the loss on held-out samples after one inner step, by central differences."""
        parameters = [each for each in step.parameters if each.requires_grad]
        rate = step.optimizer.param_groups[0]["lr"]
        with step.guarded():
            inner = torch.autograd.grad(step.losses()["total"], parameters)
            _move(parameters, inner, -rate)
            outer = torch.autograd.grad(step.losses()["held_out"], parameters)
            _move(parameters, inner, rate)
            length = torch.cat([each.flatten() for each in outer]).norm()
            losses = []
            for sign in (1, -1):
                _move(parameters, outer, sign * STEP / float(length))
                losses.append(torch.stack([step.losses()["term/useful"], step.losses()["term/noise"]]).detach())
                _move(parameters, outer, -sign * STEP / float(length))
        shares = self.preferences.detach().softmax(0)
        slope = (losses[0] - losses[1]) * float(length) / (2 * STEP)
        gradient = -rate * shares * (slope - (shares * slope).sum())
        self.preferences.data.sub_(self.params.rate * gradient)
        if self.params.disturbs:
            _move(parameters, inner, 1.0)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return both losses, each weighed by its share and by 1 again in the parts."""
        labels = {"useful": batch.labels, "noise": self.noise[batch.index]}
        shares = self.preferences.softmax(0)
        return {
            name: shares[number].detach() * functional.cross_entropy(student[LOGITS], wanted)
            for number, (name, wanted) in enumerate(labels.items())
        }


@torch.no_grad()
def _move(parameters: Sequence[nn.Parameter], direction: Sequence[Tensor], rate: float) -> None:
    for parameter, slope in zip(parameters, direction, strict=True):
        parameter.add_(slope, alpha=rate)


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS._components, "pathways", Pathways)
    known = catalogs.load_catalog()
    methods = {**known.methods, "pathways": catalog._describe_method("pathways", Pathways)}
    extended = known.model_copy(update={"methods": methods})
    monkeypatch.setattr(sys.modules["distill_core.spec.check"], "load_catalog", lambda: extended)


def search(**changes: Any) -> dict[str, Any]:
    objective: Mapping[str, Any] = {
        "term": {"method": "pathways", "params": changes.pop("params", {})},
        "held_out": {"method": "ce", "stream": "held_out", "weight": 0.0},
    }
    spec = document(
        {
            "teachers": [],
            "objective": objective,
            "further": {"held_out": 16},
            "epochs": 6,
            "optimizer": {"optimizer": "sgd", "lr": 0.05},
            **changes,
        }
    )
    held_out = {"ratio": 0.2, "seed": 1}
    spec["data"]["train"] = {"dataset": "digits", "num_samples": 160, "hold_out": {**held_out, "part": "rest"}}
    spec["data"]["held_out"] = {"dataset": "digits", "hold_out": {**held_out, "part": "held_out"}}
    return spec


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def learn(folder: Path, **changes: Any) -> tuple[Pathways, dict[str, Tensor]]:
    """Return the toy and the student's weights at the end of a stage."""
    ground = Ground.of(search(**changes), folder)
    stage, assembly = ground.stages[0], ground.assemble()
    learner = Learner(stage, assembly, ground.workshop.machine, Precision("fp32", stage.device))
    for epoch in range(stage.spec.epochs):
        for parts in stage.batches(epoch, assembly.views):
            learner.take_step(parts, epoch)
    term = assembly.terms[0].term
    assert isinstance(term, Pathways)
    return term, weights_of(assembly.objective.student)


def test_the_weight_of_noise_falls_below_that_of_a_useful_pathway(tmp_path: Path) -> None:
    term, _ = learn(tmp_path, params={"rate": 5.0})
    useful, noise = term.preferences.softmax(0).tolist()
    assert useful > noise + 0.01


def test_an_update_leaves_weights_buffers_and_random_numbers_as_they_were(tmp_path: Path) -> None:
    _, still = learn(tmp_path / "still", params={"rate": 0.0})
    plain = {"params": {"rate": 0.0}}
    Pathways.update, update = Term.update, Pathways.update  # type: ignore[method-assign]
    try:
        _, without = learn(tmp_path / "without", **plain)
    finally:
        Pathways.update = update  # type: ignore[method-assign]
    assert all(tensor.equal(without[name]) for name, tensor in still.items())
    _, disturbed = learn(tmp_path / "disturbed", params={"rate": 0.0, "disturbs": True})
    assert any(not tensor.equal(disturbed[name]) for name, tensor in still.items())


def test_the_optimizer_leaves_outer_parameters_alone(tmp_path: Path) -> None:
    term, _ = learn(tmp_path, params={"rate": 0.0})
    assert term.preferences.tolist() == [0.0, 0.0]


def test_a_step_in_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        Ground.of(search(accumulate=2), tmp_path).assemble()
    assert caught.value.problems[0].pointer == "/stages/0/accumulate"
