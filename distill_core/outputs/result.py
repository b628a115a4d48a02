"""What is known of a finished run; the model card says nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distill_core.outputs.export import Export
from distill_core.spec.data import StreamSpec
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.model import ModelSpec
from distill_core.spec.stage import ResolvedStage
from distill_core.tensors import Inputs

__all__ = ["Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run.

    Attributes:
        spec: what was run.
        figures: the evaluated values.
        facts: what the manifest says of versions, seeds, data, weights, hardware and the run's course.
        inputs: samples as the student was evaluated on.
        validation: validation figures of the weights that the last stage handed on.
        exports: the student in other forms.
        comparison: student and teacher beside the labels, None where there are none.
    """

    spec: ResolvedSpec
    figures: Mapping[str, float]
    facts: Mapping[str, Any]
    inputs: Inputs
    validation: Mapping[str, float] = field(default_factory=dict)
    exports: Sequence[Export] = ()
    comparison: Mapping[str, Any] | None = None

    @property
    def last_stage(self) -> ResolvedStage:
        """The stage whose student is the result."""
        return self.spec.stages[-1]

    @property
    def student(self) -> ModelSpec:
        """The model that is the result."""
        return self.spec.models[self.last_stage.student]

    @property
    def evaluated(self) -> StreamSpec | None:
        """The stream that the figures were measured on, if any were."""
        name = self.spec.evaluation.stream
        return None if name is None else self.spec.data[name]

    @property
    def teachers(self) -> tuple[str, ...]:
        """Names of the models that taught the student, in the order of the stages; none twice."""
        stages = [stage for stage in self.spec.stages if stage.student == self.last_stage.student]
        return tuple(dict.fromkeys(name for stage in stages for name in stage.teachers))

    def num_samples(self, stream: str) -> int:
        """Return how many samples a stream has."""
        return int(self.facts["data"][stream]["num_samples"])
