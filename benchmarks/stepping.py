"""Runs of the engine that are taken step by step, so that they can take turns with something else.

It is the engine's own straight path: real streams, real stages, real events in a file. Only its context is another:
between two steps it hands control back. The run sits in a greenlet meanwhile, in the same thread, so that a step costs
what it costs in a run that is left alone.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from greenlet import greenlet
from torch import nn

from distill_core.engine.carry import Carry
from distill_core.engine.checkpoint import Position
from distill_core.engine.context import Context
from distill_core.engine.device import prepare_machine
from distill_core.engine.events import EventLog
from distill_core.engine.models import build_models
from distill_core.engine.plan import plan_stages
from distill_core.engine.run import open_streams
from distill_core.engine.stage import Workshop, run_stage
from distill_core.engine.stores import Cache
from distill_core.spec.check import resolve
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.runtime import RuntimeSpec

SGD = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}
RUNTIME = {"device": "cpu", "checkpoint_interval_s": 86_400}
__all__ = ["NORMALIZE", "RANDOM", "SteppedRun", "build", "describe"]

NORMALIZE = [{"transform": "normalize"}]
RANDOM = [{"transform": "random_crop", "padding": 4}, {"transform": "horizontal_flip"}, *NORMALIZE]

KD = {"ce": {"method": "ce", "weight": 0.1}, "kd": {"method": "kd", "weight": 0.9}}
CE = {"ce": {"method": "ce"}}

MANY_EPOCHS = 10_000
"""No run here is taken to its end."""


class _PausingContext(Context):
    """A context that hands control back between two steps."""

    def __init__(self, folder: Path, events: EventLog, runtime: RuntimeSpec) -> None:
        super().__init__(folder, events, threading.Event(), runtime)
        self.position = Position()

    def at_boundary(
        self, position: Position, stage: str, snapshot: Callable[[], Mapping[str, Any]], *, is_forced: bool = False
    ) -> None:
        """Do what is due, then wait for the next step to be asked for."""
        super().at_boundary(position, stage, snapshot, is_forced=is_forced)
        self.position = position
        greenlet.getcurrent().parent.switch()


class SteppedRun:
    """A run of an experiment, paused in front of its first step; `step` takes one.

    Args:
        spec: what to run.
        data_root: folder of the data sets.
        models: models by name in place of the spec's own.
        cache_root: folder of teacher outputs, if they may be kept.
    """

    def __init__(
        self,
        spec: ResolvedSpec,
        data_root: Path,
        models: Mapping[str, nn.Module] | None = None,
        cache_root: Path | None = None,
    ) -> None:
        self._spec = spec
        self._data_root = data_root
        self._models = models
        self._cache = Cache(cache_root)
        self._exits = ExitStack()
        folder = Path(self._exits.enter_context(tempfile.TemporaryDirectory()))
        events = self._exits.enter_context(EventLog(folder / "events.jsonl"))
        self.context = _PausingContext(folder, events, spec.runtime)
        self._greenlet = greenlet(self._run)
        self.step()

    @property
    def position(self) -> Position:
        """Where the run stands."""
        return self.context.position

    @property
    def is_over(self) -> bool:
        """Whether the last stage has been left."""
        return bool(self._greenlet.dead)

    def step(self) -> None:
        """Go on to the next boundary between two steps."""
        torch.use_deterministic_algorithms(self._spec.runtime.deterministic, warn_only=torch.cuda.is_available())
        self._greenlet.switch()

    def finish(self) -> None:
        """Go on to the end of the run."""
        while not self.is_over:
            self.step()
        self._exits.close()

    def close(self) -> None:
        """End the run where it stands."""
        self._greenlet.throw()
        self._exits.close()

    def _run(self) -> None:
        machine = prepare_machine(self._spec.runtime, self.context.world)
        streams = open_streams(self._spec, self._data_root, machine.device)
        models = self._models or build_models(self._spec, {}, None, machine.device).models
        stages = plan_stages(self._spec.stages, streams, self._spec.runtime.seed, machine.world)
        self.context.begin({}, sum(stage.num_steps for stage in stages))
        workshop, carry = Workshop(self.context, machine, self._cache, {}), Carry(models)
        for stage in stages:
            carry = run_stage(stage, carry, workshop, Position(stage.index, 0, 0, stage.first_step))


def describe(
    student: str,
    teacher: str | None,
    batch_size: int,
    dataset: str = "cifar10",
    num_samples: int | None = None,
    *,
    objective: Mapping[str, Any] | None = None,
    transforms: list[dict[str, Any]] | None = None,
    variants: int | None = None,
    cache: str = "off",
    stage: Mapping[str, Any] | None = None,
    runtime: Mapping[str, Any] | None = None,
    has_test: bool = False,
) -> ResolvedSpec:
    """Return the spec of one stage of distillation, or of training alone where there is no teacher.

    Args:
        student: a model of the registry.
        teacher: another, or none.
        batch_size: samples a step.
        dataset: a data set of the registry.
        num_samples: samples of its training split; all if left out.
        objective: terms in place of CE and KD.
        transforms: the view; normalisation alone if left out.
        variants: epochs after which a random view repeats.
        cache: mode of the teacher cache.
        stage: further fields of the stage.
        runtime: further fields of the runtime.
        has_test: whether there is a stream of the test split.
    """
    view = {"transforms": transforms or NORMALIZE} | ({"variants": variants} if variants else {})
    models = {"student": {"model": student}} | ({"teacher": {"model": teacher}} if teacher else {})
    document = {
        "version": 1,
        "name": "benchmark",
        "models": models,
        "data": {"train": {"dataset": dataset, "num_samples": num_samples, "views": {"main": view}}}
        | ({"test": {"dataset": dataset, "split": "test"}} if has_test else {}),
        "stages": [
            {
                "name": "distil",
                "student": "student",
                "teachers": ["teacher"] if teacher else [],
                "train": "train",
                "epochs": MANY_EPOCHS,
                "batch_size": batch_size,
                "drop_last": True,
                "objective": objective or (KD if teacher else CE),
                "optimizer": SGD,
                "schedule": {"schedule": "cosine"},
                "cache": {"mode": cache},
                **(stage or {}),
            }
        ],
        "runtime": RUNTIME | {"threads": torch.get_num_threads()} | dict(runtime or {}),
        "evaluation": {"latency": False, "stream": "test" if has_test else None},
    }
    return resolve(document)


def build(spec: ResolvedSpec, device: str = "cpu") -> Mapping[str, nn.Module]:
    """Return the models of a spec, with the weights that its runs begin with."""
    return build_models(spec, {}, None, torch.device(device)).models
