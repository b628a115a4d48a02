"""Everything that a stage trains and everything a checkpoint must hold of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distill_core.engine.meter import Meter
from distill_core.engine.optimizer import build_optimizer
from distill_core.engine.plan import Carry, Stage
from distill_core.methods import METHODS
from distill_core.objective import Losses, Objective, Teachers, WeightedTerm
from distill_core.tensors import Batch

__all__ = ["Learner"]


class Learner:
    """The student with its objective, teachers and optimizer, for the time of one stage."""

    def __init__(self, stage: Stage, carry: Carry) -> None:
        spec = stage.spec
        self.student = carry.models[spec.student]
        terms = [_build_term(stage, name) for name in spec.objective]
        self.objective = Objective(self.student, terms).train()
        self.teachers = Teachers({name: carry.models[name] for name in spec.teachers}, terms)
        self.optimizer = build_optimizer(spec.optimizer, self.objective.parameters())
        self.meter = Meter()
        self.best: tuple[float, dict[str, Tensor]] | None = None

    def take_step(self, batch: Batch, lr: float) -> Losses:
        """Learn from one batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        teachers = self.teachers.watch(batch)
        losses: Losses = self.objective(batch, teachers)
        self.optimizer.zero_grad()
        losses.total.backward()
        self.optimizer.step()
        self.objective.commit(losses, teachers, batch)
        return losses

    def keep_best(self, figure: float) -> None:
        """Remember the weights if no earlier figure was as high."""
        if self.best is None or figure > self.best[0]:
            self.best = figure, {name: tensor.clone() for name, tensor in self.student.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed stage needs; refuses to save what has diverged."""
        state = {
            "meter": self.meter.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "rng_cpu": torch.get_rng_state(),
        }
        return state | ({"rng_cuda": torch.cuda.get_rng_state_all()} if torch.cuda.is_initialized() else {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint; random numbers last, since building modules draws some."""
        self.meter.load_state_dict(state["meter"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        torch.set_rng_state(state["rng_cpu"])
        if "rng_cuda" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["rng_cuda"])

    def close(self) -> None:
        """Take all hooks off the models."""
        self.objective.remove_taps()
        self.teachers.remove_taps()


def _build_term(stage: Stage, name: str) -> WeightedTerm:
    spec = stage.spec.objective[name]
    term = METHODS.create(spec.method, spec.params, f"/stages/{stage.index}/objective/{name}")
    view = spec.view or stage.train.main_view
    return WeightedTerm(name, term.to(stage.train.device), term.places(term.params), spec.weight, spec.teacher, view)
