"""What a run ends with: figures of its student, and the files that it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from distill_core.engine.carry import Carry
from distill_core.engine.context import Context
from distill_core.engine.device import Machine, describe_hardware, list_versions
from distill_core.engine.evaluation import ask, check_classes, gives_logits, score
from distill_core.engine.models import Cast
from distill_core.engine.plan import Stage
from distill_core.engine.results import export_student, write_results
from distill_core.files import SavedFile
from distill_core.model import Model
from distill_core.outputs.comparison import Answers, compare
from distill_core.outputs.cost import THROUGHPUT_BATCH, measure_cost
from distill_core.outputs.result import Result
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.stage import ResolvedStage
from distill_core.stream import Stream
from distill_core.tensors import Inputs
from distill_core.weights import save_weights

__all__ = ["Conclusion", "conclude", "measure", "take_samples_of"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A run whose stages are over."""

    spec: ResolvedSpec
    stages: Sequence[Stage]
    streams: Mapping[str, Stream]
    cast: Cast
    carry: Carry
    machine: Machine


def conclude(run: Conclusion, context: Context) -> dict[str, float]:
    """Save and evaluate the student, and write everything that a run leaves."""
    spec, last = run.spec, run.stages[-1]
    folder = context.folder / "artifacts"
    models = cast("Mapping[str, Model]", run.carry.models)  # a run builds no others; toys of tests conclude nothing
    student = models[last.spec.student]
    for model in models.values():
        model.float()  # what is handed out is in single precision, whatever it was trained in
    weights = save_weights(folder / "student.safetensors", student)
    teaching = _find_teaching(run)
    answers = _ask(spec, student, run.streams, None if teaching is None else models[teaching.teachers[0]])
    inputs = take_samples_of(spec, run.streams)
    exports = export_student(context, spec.outputs, student, inputs, folder)
    figures = measure(spec, student, weights, run.streams, answers)
    figures |= {name: value for export in exports for name, value in export.figures.items()}
    context.report("evaluated", values=figures)
    context.report_metrics(
        last.spec.name, last.first_step + last.num_steps, last.first_epoch + last.spec.epochs, figures
    )
    validation = run.carry.figures.get(last.spec.name, {})
    comparison = _compare(run, answers, teaching)
    result = Result(spec, figures, _describe(run), inputs, validation, exports, comparison)
    write_results(context, result, weights, [(stage.spec.name, stage.first_step) for stage in run.stages])
    return figures


def measure(
    spec: ResolvedSpec,
    student: Model,
    weights: SavedFile,
    streams: Mapping[str, Stream],
    answers: Answers | None = None,
) -> dict[str, float]:
    """Return every figure that a spec's evaluation asks for.

    Args:
        spec: what is asked for.
        student: the model that is measured.
        weights: its file.
        streams: the streams that the spec names.
        answers: what it says to the evaluation stream, if it was asked already.
    """
    wanted = spec.evaluation
    answers = answers or _ask(spec, student, streams, None)
    values = {} if answers is None else score(answers, wanted.metrics)
    figures = {f"test/{name}": value for name, value in values.items()}
    inputs = take_samples_of(spec, streams)
    return figures | measure_cost(student, inputs, with_speed=wanted.latency) | {"cost/size_bytes": weights.size}


def _ask(spec: ResolvedSpec, student: Model, streams: Mapping[str, Stream], teacher: Model | None) -> Answers | None:
    """Return what student and teacher say to the evaluation stream, None where there is none.

    The teacher is asked wherever there are classes to hold its answers against, or its agreement is wanted.
    """
    wanted = spec.evaluation
    if wanted.stream is None:
        return None
    stream = streams[wanted.stream]
    check_classes(stream, wanted.metrics)
    if teacher is not None and "agreement" not in wanted.metrics:
        teacher = teacher if stream.labels is not None and gives_logits(teacher, stream) else None
    return ask(student, stream, wanted.batch_size, teacher)


def _find_teaching(run: Conclusion) -> ResolvedStage | None:
    """Return the last stage in which the student had a teacher."""
    student = run.stages[-1].spec.student
    taught = [stage.spec for stage in run.stages if stage.spec.student == student and stage.spec.teachers]
    return taught[-1] if taught else None


def _compare(run: Conclusion, answers: Answers | None, teaching: ResolvedStage | None) -> dict[str, Any] | None:
    """Return student and teacher beside the labels of the evaluation stream, None where it has no classes."""
    name = run.spec.evaluation.stream
    if name is None or answers is None or not answers.can_be_compared:
        return None
    names = {"student": run.stages[-1].spec.student, "teacher": "" if teaching is None else teaching.teachers[0]}
    return compare(answers, name, names, run.streams[name].class_names)


def take_samples_of(spec: ResolvedSpec, streams: Mapping[str, Stream]) -> Inputs:
    """Return the first samples of the stream that a spec evaluates on, that of its last stage if on none."""
    stream = streams[spec.evaluation.stream or spec.stages[-1].train]
    rows = torch.arange(min(THROUGHPUT_BATCH, len(stream)), device=stream.device)
    return stream.batch(rows, 0, (stream.main_view,)).inputs[stream.main_view]


def _describe(run: Conclusion) -> dict[str, Any]:
    """Return what the manifest says of versions, seeds, data, weights, hardware and the stages' validation."""
    views = {name: stream.spec.views for name, stream in run.streams.items()}
    return {
        "versions": list_versions(),
        "seeds": {
            "run": run.spec.runtime.seed,
            "views": {name: {view: config.seed for view, config in found.items()} for name, found in views.items()},
        },
        "data": {
            name: {"dataset": stream.spec.dataset, "num_samples": len(stream), "sha256": stream.fingerprint}
            for name, stream in run.streams.items()
        },
        "weights": dict(run.cast.sha256),
        "validation": {stage: dict(figures) for stage, figures in run.carry.figures.items()},
        "hardware": describe_hardware(run.machine.device),
    }
