"""What a stage hands to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from distill_core.spec.stage import ResolvedStage

__all__ = ["Carry"]


@dataclass(frozen=True, slots=True)
class Carry:
    """What a stage hands to the next; nothing else survives it.

    Attributes:
        models: every model of the experiment by name, on the device.
        modules: modules that terms have exported, by name.
        trained: the students of the stages that are over.
        figures: stage -> validation figure -> value, of the weights that the stage handed on.
        ended: groups of stages that a trigger has ended.
    """

    models: Mapping[str, nn.Module]
    modules: Mapping[str, nn.Module] = field(default_factory=dict)
    trained: tuple[str, ...] = ()
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ended: tuple[str, ...] = ()

    def states(self) -> dict[str, Any]:
        """Return the states of what was trained; the rest can be had again from its source."""
        return {
            "models": {name: self.models[name].state_dict() for name in self.trained},
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "figures": {stage: dict(values) for stage, values in self.figures.items()},
            "ended": list(self.ended),
        }

    def after(
        self, stage: ResolvedStage, student: nn.Module, exported: Mapping[str, nn.Module], figures: Mapping[str, float]
    ) -> Carry:
        """Return the carry of a stage that is over, with the student as the stage hands it on."""
        return Carry(
            {**self.models, stage.student: student},
            {**self.modules, **exported},
            tuple(dict.fromkeys((*self.trained, stage.student))),
            {**self.figures, stage.name: figures},
            self.ended,
        )

    def without(self, group: str) -> Carry:
        """Return the carry after a trigger has ended a group."""
        return replace(self, ended=(*self.ended, group))
