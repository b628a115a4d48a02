"""A run, from top to bottom."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill_core.engine.checkpoint import Position, load_checkpoint
from distill_core.engine.context import Context
from distill_core.engine.cost import count_parameters, measure_latency_ms
from distill_core.engine.device import describe_hardware, list_versions, prepare_device
from distill_core.engine.evaluation import evaluate
from distill_core.engine.models import Cast, build_models
from distill_core.engine.plan import Carry, Stage, plan_stages
from distill_core.engine.results import write_results
from distill_core.engine.stage import run_stage
from distill_core.files import SavedFile
from distill_core.model import Model
from distill_core.spec.experiment import ResolvedSpec
from distill_core.stream import Stream, open_stream
from distill_core.weights import Input, save_weights

__all__ = ["Sources", "measure", "run"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a run may read from.

    Attributes:
        data_root: folder of the data sets.
        weights_root: folder of weight files, if any may be named.
        inputs: artifacts of earlier jobs by id.
        checkpoint: the checkpoint to resume from, if any.
    """

    data_root: Path
    weights_root: Path | None = None
    inputs: Mapping[str, Input] = field(default_factory=dict)
    checkpoint: Path | None = None


def run(spec: ResolvedSpec, sources: Sources, context: Context) -> dict[str, float]:
    """Do what a spec says and return the figures of its student.

    Raises:
        StillhouseError: one of its kinds, see `distill_core.errors`.
    """
    device = prepare_device(spec.runtime)
    streams = open_streams(spec, sources.data_root, device)
    cast = build_models(spec, sources.inputs, sources.weights_root, device)
    stages = plan_stages(spec.stages, streams, spec.runtime.seed)
    total_steps = sum(stage.num_steps for stage in stages)
    identity = _identify(spec, streams, cast)
    context.begin(identity, total_steps)
    saved = None if sources.checkpoint is None else load_checkpoint(sources.checkpoint, identity)
    start = Position() if saved is None else context.resume(saved)
    context.report(
        "run_started",
        stages=[stage.spec.name for stage in stages],
        total_steps=total_steps,
        total_epochs=sum(stage.spec.epochs for stage in stages),
        device=device.type,
        resumed_from_step=None if saved is None else start.step,
        versions=list_versions(),
    )
    _warn_of_untrained_teachers(spec, context)
    carry = _run_stages(stages, cast, context, start, saved)

    student = carry.models[spec.stages[-1].student]
    weights = save_weights(context.folder / "artifacts" / "student.safetensors", student)
    figures = measure(spec, student, weights, streams, _first_teacher(spec, carry))
    context.report("evaluated", values=figures)
    last = stages[-1]
    context.report_metrics(last.spec.name, total_steps, last.first_epoch + last.spec.epochs, figures)
    facts = _describe(spec, streams, cast, device)
    write_results(context, spec, weights, figures, facts)
    return figures


def open_streams(spec: ResolvedSpec, root: Path, device: torch.device) -> dict[str, Stream]:
    """Read the streams that stages and evaluation name."""
    used = {stage.train for stage in spec.stages} | {stage.validate_on for stage in spec.stages}
    used.add(spec.evaluation.stream)
    return {
        name: open_stream(config, root, device, f"/data/{name}") for name, config in spec.data.items() if name in used
    }


def measure(
    spec: ResolvedSpec, student: Model, weights: SavedFile, streams: Mapping[str, Stream], teacher: Model | None
) -> dict[str, float]:
    """Return every figure that a spec's evaluation asks for."""
    wanted = spec.evaluation
    figures: dict[str, float] = {}
    stream = streams[wanted.stream or spec.stages[-1].train]
    if wanted.stream is not None:
        values = evaluate(student, stream, wanted.batch_size, wanted.metrics, teacher)
        figures |= {f"test/{name}": value for name, value in values.items()}
    figures |= {"cost/params": count_parameters(student), "cost/size_bytes": weights.size}
    if wanted.latency:
        figures["cost/latency_ms"] = measure_latency_ms(student, _one_image(stream))
    return figures


def _identify(spec: ResolvedSpec, streams: Mapping[str, Stream], cast: Cast) -> dict[str, Any]:
    """Return what a checkpoint must agree in: all that has a say in the weights."""
    limits = {"time_limit_s", "checkpoint_interval_s"}
    document = spec.model_dump(mode="json", exclude={"name": True, "description": True, "runtime": limits})
    return {
        "spec": hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest(),
        "data": {name: stream.fingerprint for name, stream in streams.items()},
        "weights": dict(cast.sha256),
    }


def _run_stages(
    stages: list[Stage], cast: Cast, context: Context, start: Position, saved: dict[str, Any] | None
) -> Carry:
    carry = Carry(cast.models)
    for name, state in (saved["models"] if saved else {}).items():
        carry.models[name].load_state_dict(state)
    for stage in stages:
        if stage.index < start.stage:
            carry = carry.after(stage.spec.student)
            continue
        is_resumed = saved is not None and stage.index == start.stage
        first = start if is_resumed else Position(stage.index, 0, 0, stage.first_step)
        carry = run_stage(stage, carry, context, first, saved["learner"] if saved and is_resumed else None)
    end = Position(len(stages), 0, 0, stages[-1].first_step + stages[-1].num_steps)
    states = carry.states()
    context.at_boundary(end, stages[-1].spec.name, lambda: {"models": states, "learner": None})
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


def _first_teacher(spec: ResolvedSpec, carry: Carry) -> Model | None:
    teachers = spec.stages[-1].teachers
    return carry.models[teachers[0]] if teachers else None


def _one_image(stream: Stream) -> Tensor:
    rows = torch.arange(1, device=stream.device)
    return stream.batch(rows, 0, (stream.main_view,)).images[stream.main_view]


def _describe(spec: ResolvedSpec, streams: Mapping[str, Stream], cast: Cast, device: torch.device) -> dict[str, Any]:
    data = {
        name: {"dataset": stream.spec.dataset, "num_samples": len(stream), "sha256": stream.fingerprint}
        for name, stream in streams.items()
    }
    seeds = {
        "run": spec.runtime.seed,
        "views": {
            name: {view: config.seed for view, config in stream.spec.views.items()} for name, stream in streams.items()
        },
    }
    return {
        "versions": list_versions(),
        "seeds": seeds,
        "data": data,
        "weights": dict(cast.sha256),
        "hardware": describe_hardware(device),
    }
