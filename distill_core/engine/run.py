"""A run, from top to bottom."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from distill_core.engine.carry import Carry
from distill_core.engine.checkpoint import Position, load_checkpoint
from distill_core.engine.conclusion import Conclusion, conclude
from distill_core.engine.context import Context
from distill_core.engine.device import Machine, list_versions, prepare_machine
from distill_core.engine.evaluation import can_be_scored
from distill_core.engine.models import Cast, build_models
from distill_core.engine.plan import Stage, plan_stages
from distill_core.engine.processes import load_processes
from distill_core.engine.stage import Workshop, repeat_exports, run_stage
from distill_core.engine.stores import Cache
from distill_core.errors import DataError, SpecError
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.figure_rules import find_figure_problems
from distill_core.stream import Stream, open_stream
from distill_core.weights import Input

__all__ = ["Sources", "open_streams", "run"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a run may read from.

    Attributes:
        data_root: folder of the data sets.
        weights_root: folder of weight files, if any may be named.
        inputs: artifacts of earlier jobs by id.
        checkpoint: the checkpoint to resume from, if any.
        cache: where teacher outputs may be kept.
    """

    data_root: Path
    weights_root: Path | None = None
    inputs: Mapping[str, Input] = field(default_factory=dict)
    checkpoint: Path | None = None
    cache: Cache = field(default_factory=Cache)


def run(spec: ResolvedSpec, sources: Sources, context: Context) -> dict[str, float]:
    """Do what a spec says and return the figures of its student.

    Raises:
        StillhouseError: one of its kinds, see `distill_core.errors`.
    """
    machine = prepare_machine(spec.runtime, context.world)
    streams = open_streams(spec, sources.data_root, machine.device, sources.cache.root, sources.inputs)
    try:
        _check_figures(spec, streams)
        return _run(spec, sources, context, machine, streams)
    finally:
        for stream in streams.values():
            stream.close()


def _run(
    spec: ResolvedSpec, sources: Sources, context: Context, machine: Machine, streams: Mapping[str, Stream]
) -> dict[str, float]:
    cast = build_models(spec, sources.inputs, sources.weights_root, machine.device)
    processes, process_digests = load_processes(spec, sources.inputs, sources.weights_root)
    stages = plan_stages(spec.stages, streams, spec.runtime.seed, machine.world)
    total_steps = sum(stage.num_steps for stage in stages)
    identity = _identify(spec, streams, {**cast.sha256, **process_digests})
    context.begin(identity, total_steps)
    saved = None if sources.checkpoint is None else load_checkpoint(sources.checkpoint, identity)
    start = Position() if saved is None else context.resume(saved)
    context.report(
        "run_started",
        stages=[stage.spec.name for stage in stages],
        total_steps=total_steps,
        total_epochs=sum(stage.spec.epochs for stage in stages),
        device=machine.device.type,
        resumed_from_step=None if saved is None else start.step,
        versions=list_versions(),
    )
    _warn_of_untrained_teachers(spec, context)
    workshop = Workshop(context, machine, sources.cache, processes, spec.evaluation.metrics)
    carry = _run_stages(stages, cast, workshop, start, saved)
    if not context.world.is_first:
        return {}
    return conclude(Conclusion(spec, stages, streams, cast, carry, machine), context)


def open_streams(
    spec: ResolvedSpec,
    root: Path,
    device: torch.device,
    scratch: Path | None = None,
    inputs: Mapping[str, Input] | None = None,
) -> dict[str, Stream]:
    """Open the streams that stages and evaluation name.

    Args:
        spec: the experiment.
        root: folder of the data sets.
        device: where batches come to lie.
        scratch: folder that remembers digests of files.
        inputs: id of an uploaded data set -> the folder in which it lies unpacked.

    Raises:
        DataError: a data set is missing.
    """
    used = {spec.evaluation.stream}
    for stage in spec.stages:
        used |= {stage.train, stage.validate_on, *stage.further}
    runtime = spec.runtime
    return {
        name: open_stream(
            config,
            root if config.upload is None else _find_upload(config.upload, inputs or {}),
            device,
            f"/data/{name}",
            placement=runtime.placement,
            loader_workers=runtime.loader_workers,
            scratch=scratch,
        )
        for name, config in spec.data.items()
        if name in used
    }


def _find_upload(name: str, inputs: Mapping[str, Input]) -> Path:
    if name not in inputs:
        raise DataError(
            f"the uploaded data set {name} was not handed to the run: the service's workers do so; elsewhere unpack it "
            "below the data folder, and leave `upload` out"
        )
    return inputs[name].path


def _check_figures(spec: ResolvedSpec, streams: Mapping[str, Stream]) -> None:
    """Refuse figures that the samples cannot give, now that they are known and before anything is trained."""
    unscored = {name: stream for name, stream in streams.items() if not can_be_scored(stream)}
    boxes = [name for name, stream in unscored.items() if stream.targets is not None]
    problems = list(find_figure_problems(spec, unscored, boxes))
    if problems:
        raise SpecError(problems)


def _identify(spec: ResolvedSpec, streams: Mapping[str, Stream], weights: Mapping[str, str]) -> dict[str, Any]:
    """Return what a checkpoint must agree in: all that has a say in the weights."""
    limits = {"time_limit_s", "checkpoint_interval_s", "loader_workers"}
    left_out: dict[str, Any] = {"name": True, "description": True, "outputs": True, "runtime": limits}
    document = spec.model_dump(mode="json", exclude=left_out)
    return {
        "spec": hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest(),
        "data": {name: stream.fingerprint for name, stream in streams.items()},
        "weights": dict(weights),
    }


def _run_stages(
    stages: Sequence[Stage], cast: Cast, workshop: Workshop, start: Position, saved: dict[str, Any] | None
) -> Carry:
    carry = Carry(cast.models)
    over = [stage for stage in stages if saved is not None and stage.index < start.stage]
    if saved is not None:
        for stage in over:
            carry = repeat_exports(stage, carry, workshop, saved)
        for name, state in saved["models"].items():
            carry.models[name].load_state_dict(state)
        carry = replace(carry, ended=tuple(saved["ended"]))
    for stage in stages[len(over) :]:
        is_resumed = saved is not None and stage.index == start.stage
        first = start if is_resumed else Position(stage.index, 0, 0, stage.first_step)
        carry = run_stage(stage, carry, workshop, first, saved["stage"] if saved and is_resumed else None)
    end = Position(len(stages), 0, 0, stages[-1].first_step + stages[-1].num_steps)
    states = carry.states()
    workshop.context.at_boundary(end, stages[-1].spec.name, lambda: {**states, "stage": None})
    return carry


def _warn_of_untrained_teachers(spec: ResolvedSpec, context: Context) -> None:
    trained: set[str] = set()
    for stage in spec.stages:
        for name in stage.teachers:
            if spec.models[name].weights is None and name not in trained:
                message = f"the teacher {name!r} of stage {stage.name!r} has neither weights nor an earlier stage"
                context.report("warning", code="teacher_untrained", message=message)
                logger.warning(message)
        trained.add(stage.student)
