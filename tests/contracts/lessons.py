"""A stage with one method in it, put together by the engine: what every method is tested on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

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

PAIRS = {
    "same family": ("resnet14", "resnet8"),
    "other family": ("resnet14", "shufflenet_v2"),
    "transformer": ("vit_d8", "vit_d4"),
}
"""Teacher and student."""


@dataclass(frozen=True, slots=True)
class Special:
    """What the suite must know of one method; a file of `needs/` says it, and most methods have none.

    Attributes:
        options: options that make it small enough for 64 samples.
        pairs: pair -> further options for this pair.
        cannot: pair -> why the method is not made for it; such a pair must be refused.
        exempt: check -> why it does not hold: falls, moves, cached, two_ranks.
        models: further models of the spec.
        views: views of the training stream.
        data: further streams of the spec.
        stage: fields of the method's own stage.
        terms: terms beside it in its stage.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    pairs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)
    exempt: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)
    views: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    stage: Mapping[str, Any] = field(default_factory=dict)
    terms: Mapping[str, Any] = field(default_factory=dict)


SPECIAL = {
    path.stem: Special(**yaml.safe_load(path.read_text()))
    for path in sorted((Path(__file__).parent / "needs").glob("*.yaml"))
}


def special(key: str) -> Special:
    """Return what the suite must know of a method."""
    return SPECIAL.get(key, Special())


CANNOT = [(key, pair) for key in METHODS for pair in special(key).cannot]
POSSIBLE = [(key, pair) for key in METHODS for pair in PAIRS if pair not in special(key).cannot]


def unless_exempt(check: str) -> pytest.MarkDecorator:
    """Return the parameters of a check: every method, those that are exempt with the reason why."""
    marks = [
        pytest.param(key, marks=pytest.mark.skip(reason=special(key).exempt[check]))
        if check in special(key).exempt
        else key
        for key in METHODS
    ]
    return pytest.mark.parametrize("key", marks)


def list_makers(key: str) -> list[str]:
    """Return the methods that export what a method imports, and what those import, in the order of their stages."""
    wanted = METHODS.find(key).imports
    makers = [other for other in METHODS if set(METHODS.find(other).exports) & set(wanted)]
    return [*(earlier for maker in makers for earlier in list_makers(maker)), *makers]


def stages_of(key: str, pair: str) -> list[dict[str, Any]]:
    """Return the stages that a method takes: the last is its own, the others make what it imports."""
    stages = []
    for name in (*list_makers(key), key):
        known = special(name)
        params = dict(known.options) | dict(known.pairs.get(pair, {}))
        terms = {"term": {"method": name, "params": params}, **known.terms}
        stages.append({"objective": terms, **known.stage})
    return stages


def document_of(key: str, pair: str = "same family", **runtime: Any) -> dict[str, Any]:
    """Return a spec whose last stage has the method as its only term, but for what it cannot be without."""
    teacher, student = PAIRS[pair]
    known = special(key)
    stages = [{"name": f"stage{number}", **stage} for number, stage in enumerate(stages_of(key, pair))]
    common: dict[str, Any] = {
        "student": "student",
        "teachers": ["teacher", *known.models],
        "train": "train",
        "epochs": 2,
        "batch_size": 16,
        "optimizer": {"optimizer": "adam", "lr": 0.003},
    }
    stages[0] = common | stages[0]
    train: dict[str, Any] = {"dataset": "digits", "num_samples": 64}
    views = _enlarge(known.views) if pair == "other family" else dict(known.views)
    return {
        "version": 1,
        "name": key,
        "models": {"teacher": {"model": teacher}, "student": {"model": student}, **known.models},
        "data": {"train": train | ({"views": views} if views else {}), **known.data},
        "stages": stages,
        "runtime": {"device": "cpu", "checkpoint_interval_s": 3600, **runtime},
        "evaluation": {"latency": False},
        "outputs": {"curves": [], "card": False},
    }


def _enlarge(views: Mapping[str, Any]) -> dict[str, Any]:
    """Return views of twice the size: of 8x8 images a net of three strides leaves a pixel, whose maps say nothing."""
    normalised = {"transforms": [{"transform": "normalize"}]}
    shown = {name: {**normalised, **view} for name, view in (views or {"main": {}}).items()}
    larger = {"transform": "resize", "size": 16}
    return {name: {**view, "transforms": [*view["transforms"], larger]} for name, view in shown.items()}


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
