"""A stage with one method in it, put together by the engine: what every method is tested on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from distill_core.distributed import World
from distill_core.engine.assembly import prepare
from distill_core.engine.carry import Carry
from distill_core.engine.checkpoint import Position
from distill_core.engine.context import Context
from distill_core.engine.device import prepare_machine
from distill_core.engine.events import EventLog
from distill_core.engine.learner import Learner
from distill_core.engine.models import build_models
from distill_core.engine.plan import plan_stages
from distill_core.engine.precision import Precision
from distill_core.engine.run import open_streams
from distill_core.engine.stage import Workshop, run_stage
from distill_core.engine.stores import Cache
from distill_core.methods import METHODS
from distill_core.objective import Losses
from distill_core.spec import resolve
from distill_core.tensors import Batch
from tests.distill_core.experiments import StopAfter

PAIRS = {"same family": ("resnet14", "resnet8"), "other family": ("deep_nn", "resnet8")}
"""Teacher and student."""

OPTIONS: dict[str, dict[str, Any]] = {"crd": {"num_negatives": 32, "embedding_size": 16}}
"""Options that make a method small enough for 64 samples; the others take their defaults."""

OTHER_FAMILY: dict[str, dict[str, Any]] = {
    "fsp": {"student_pairs": [["stem", "stage1"]], "teacher_pairs": [["stem", "stage1"]]},
    "ft": {"teacher_place": "stage2"},
    "ft_paraphraser": {"teacher_place": "stage2"},
    "spkd": {"teacher_place": "pooled"},
}
"""Places of a teacher of another family, where its feature points have other names."""

CANNOT = {("fsp", "other family"): "FSP needs maps of equal channels, as its paper says"}
"""Pairs that a method is not made for, and why."""


def terms_of(key: str, pair: str) -> list[dict[str, Any]]:
    """Return the objectives of the stages that a method takes: the last is its own, the others make what it imports."""
    imports = METHODS.find(key).imports
    makers = [other for other in METHODS if set(METHODS.find(other).exports) & set(imports)]
    params = {
        name: OPTIONS.get(name, {}) | (OTHER_FAMILY.get(name, {}) if pair == "other family" else {})
        for name in (*makers, key)
    }
    return [{"term": {"method": name, "params": params[name]}} for name in (*makers, key)]


def document_of(key: str, pair: str = "same family", **runtime: Any) -> dict[str, Any]:
    """Return a spec whose last stage has the method as its only term."""
    teacher, student = PAIRS[pair]
    stages: list[dict[str, Any]] = [
        {"name": f"stage{number}", "objective": objective} for number, objective in enumerate(terms_of(key, pair))
    ]
    stages[0] |= {
        "student": "student",
        "teachers": ["teacher"],
        "train": "train",
        "epochs": 2,
        "batch_size": 16,
        "optimizer": {"optimizer": "adam", "lr": 0.003},
    }
    return {
        "version": 1,
        "name": key,
        "models": {"teacher": {"model": teacher}, "student": {"model": student}},
        "data": {"train": {"dataset": "digits", "num_samples": 64}},
        "stages": stages,
        "runtime": {"device": "cpu", "checkpoint_interval_s": 3600, **runtime},
        "evaluation": {"latency": False},
        "outputs": {"curves": [], "card": False},
    }


@dataclass(frozen=True, slots=True)
class Lesson:
    """The last stage of a method's spec, ready for its first step, and one fixed batch."""

    learner: Learner
    carry: Carry
    batch: Batch

    @classmethod
    def of(cls, key: str, folder: Path, pair: str = "same family") -> Lesson:
        """Put the stage together, after the stages that make what the method imports."""
        spec = resolve(json.loads(json.dumps(document_of(key, pair))))
        machine = prepare_machine(spec.runtime, World())
        streams = open_streams(spec, folder, machine.device)
        carry = Carry(build_models(spec, {}, None, machine.device).models)
        stages = plan_stages(spec.stages, streams, spec.runtime.seed, machine.world)
        with EventLog(folder / "events.jsonl") as events:
            context = Context(folder, events, StopAfter(10_000), spec.runtime)
            workshop = Workshop(context, machine, Cache(), {})
            for stage in stages[:-1]:
                carry = run_stage(stage, carry, workshop, Position(stage.index, 0, 0, stage.first_step))
        last, precision = stages[-1], Precision("fp32", machine.device)
        assembly = workshop.assemble(last, carry, precision)
        learner = Learner(last, assembly, machine, precision)
        return cls(learner, carry, prepare(assembly.terms, last.first_batch(assembly.views)))

    def losses(self) -> Losses:
        """Return what the objective says of the batch."""
        assembly = self.learner.assembly
        factors = assembly.weighting.at(self.learner.stage.moment(self.batch.step))
        result: Losses = assembly.objective(self.batch, assembly.teachers.watch(self.batch, 0), factors)
        return result

    def learn(self, num_steps: int) -> list[float]:
        """Take steps on the batch; return the loss before each."""
        losses = []
        for _ in range(num_steps):
            with torch.no_grad():
                losses.append(self.losses().total.item())
            self.learner.take_step([self.batch], epoch=0)
        return losses
