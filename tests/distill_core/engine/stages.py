"""Stages on the digits, put together by the engine, for tests of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from distill_core.distributed import World
from distill_core.engine.assembly import Assembly
from distill_core.engine.carry import Carry
from distill_core.engine.checkpoint import Position
from distill_core.engine.context import Context
from distill_core.engine.device import prepare_machine
from distill_core.engine.models import build_models
from distill_core.engine.plan import Stage, plan_stages
from distill_core.engine.precision import Precision
from distill_core.engine.run import open_streams
from distill_core.engine.stage import Workshop, run_stage
from distill_core.engine.stores import Cache
from distill_core.spec import resolve
from tests.distill_core.experiments import StopAfter


def document(*stages: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a spec of a ResNet-14 that teaches a ResNet-8; the first stage has what it needs unless it says else."""
    first: dict[str, Any] = {
        "name": "first",
        "student": "student",
        "teachers": ["teacher"],
        "train": "train",
        "epochs": 2,
        "batch_size": 16,
        "objective": {"kd": {"method": "kd"}},
        "optimizer": {"optimizer": "sgd", "lr": 0.02, "momentum": 0.9},
    }
    return {
        "version": 1,
        "name": "stages",
        "models": {"teacher": {"model": "resnet14"}, "student": {"model": "resnet8"}},
        "data": {
            "train": {"dataset": "digits", "num_samples": 40},
            "validation": {"dataset": "digits", "split": "test", "num_samples": 30},
        },
        "stages": [first | (stages[0] if stages else {}), *stages[1:]],
        "runtime": {"device": "cpu", "checkpoint_interval_s": 3600},
        "evaluation": {"latency": False},
        "outputs": {"curves": [], "card": False},
    } | changes


@dataclass(frozen=True, slots=True)
class Ground:
    """The opened stages of a spec, and what they start from."""

    stages: list[Stage]
    carry: Carry
    workshop: Workshop
    folder: Path

    @classmethod
    def of(
        cls,
        spec: dict[str, Any],
        folder: Path,
        *,
        world: World | None = None,
        cache: Cache | None = None,
    ) -> Ground:
        """Open everything that a spec names."""
        resolved = resolve(spec)
        machine = prepare_machine(resolved.runtime, World())
        streams = open_streams(resolved, folder, machine.device)
        carry = Carry(build_models(resolved, {}, None, machine.device).models)
        stages = plan_stages(resolved.stages, streams, resolved.runtime.seed, world or World())
        context = Context(folder, None, StopAfter(100_000), resolved.runtime)
        return cls(stages, carry, Workshop(context, machine, cache or Cache(), {}), folder)

    def assemble(self, number: int = 0) -> Assembly:
        """Put a stage together."""
        return self.workshop.assemble(self.stages[number], self.carry, Precision("fp32", torch.device("cpu")))

    def run(self) -> Carry:
        """Run all stages."""
        carry = self.carry
        for stage in self.stages:
            carry = run_stage(stage, carry, self.workshop, Position(stage.index, 0, 0, stage.first_step))
        return carry
