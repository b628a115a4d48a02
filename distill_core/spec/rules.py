"""Rules that need the whole spec written out: what cannot work although every part of it is well-formed."""

from __future__ import annotations

from collections.abc import Iterator

from distill_core.errors import Problem
from distill_core.spec.catalog import Catalog
from distill_core.spec.data import Normalize, StreamSpec
from distill_core.spec.document import join_pointer
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.nearest import nearest_names
from distill_core.spec.optimizer import SGD, Multistep
from distill_core.spec.stage import ResolvedStage


def find_rule_problems(spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """Yield what cannot work in a resolved spec."""
    for name, stream in spec.data.items():
        yield from _check_stream(join_pointer("/data", name), stream, catalog)
    for index, stage in enumerate(spec.stages):
        yield from _check_stage(f"/stages/{index}", stage)
        yield from _check_term_names(f"/stages/{index}", stage)
        yield from _check_terms(f"/stages/{index}", stage, spec, catalog)
        yield from _check_same_data(f"/stages/{index}", stage, spec, catalog)
    if "agreement" in spec.evaluation.metrics and spec.evaluation.stream and not spec.stages[-1].teachers:
        message = "agreement compares with a teacher, and the last stage has none"
        yield Problem("/evaluation/metrics", "teacher_missing", message, "agreement")


def _check_stream(pointer: str, stream: StreamSpec, catalog: Catalog) -> Iterator[Problem]:
    entry = catalog.datasets[stream.dataset]
    if stream.split not in entry.splits:
        names = nearest_names(stream.split, entry.splits)
        message = f"the data set {stream.dataset!r} has no split {stream.split!r}"
        yield Problem(f"{pointer}/split", "unknown_name", message, stream.split, tuple(entry.splits), names)
    else:
        yield from _check_count(pointer, stream, stream.num_available(entry.splits[stream.split]))
    for name, view in stream.views.items():
        place = join_pointer(pointer, "views", name, "transforms")
        for index, transform in enumerate(view.transforms):
            if isinstance(transform, Normalize):
                yield from _check_normalize(f"{place}/{index}", transform, entry.image_shape[0])


def _check_count(pointer: str, stream: StreamSpec, available: int) -> Iterator[Problem]:
    if available == 0:
        message = f"no sample of the split {stream.split!r} is left for the stream"
        yield Problem(f"{pointer}/hold_out/ratio", "value_invalid", message, stream.hold_out and stream.hold_out.ratio)
    elif stream.num_samples is not None and stream.num_samples > available:
        message = f"only {available} samples of the split {stream.split!r} are there for the stream"
        yield Problem(f"{pointer}/num_samples", "value_invalid", message, stream.num_samples, f"at most {available}")


def _check_normalize(pointer: str, transform: Normalize, num_channels: int) -> Iterator[Problem]:
    for field in ("mean", "std"):
        values = getattr(transform, field)
        if len(values) != num_channels:
            message = f"{len(values)} values for images of {num_channels} channels"
            yield Problem(f"{pointer}/{field}", "value_invalid", message, list(values), f"{num_channels} values")
    if any(value <= 0 for value in transform.std or ()):
        yield Problem(
            f"{pointer}/std", "value_invalid", "a deviation must be above 0", list(transform.std or ()), "> 0"
        )


def _check_stage(pointer: str, stage: ResolvedStage) -> Iterator[Problem]:
    if stage.keep == "best" and stage.validate_on is None:
        message = "the best weights are chosen by validation accuracy: name a stream in validate_on"
        yield Problem(f"{pointer}/keep", "validation_missing", message, "best")
    schedule = stage.schedule
    if isinstance(schedule, Multistep):
        place = f"{pointer}/schedule/milestones"
        if list(schedule.milestones) != sorted(set(schedule.milestones)):
            yield Problem(
                place, "value_invalid", "milestones must ascend", list(schedule.milestones), "ascending epochs"
            )
        elif schedule.milestones[-1] >= stage.epochs:
            message = f"the stage ends after {stage.epochs} epochs, so the last milestone is never reached"
            yield Problem(place, "value_invalid", message, list(schedule.milestones), f"epochs below {stage.epochs}")
    optimizer = stage.optimizer
    if isinstance(optimizer, SGD) and optimizer.nesterov and optimizer.momentum == 0:
        yield Problem(f"{pointer}/optimizer/nesterov", "value_invalid", "Nesterov's form needs momentum", True)


def _check_term_names(pointer: str, stage: ResolvedStage) -> Iterator[Problem]:
    """The logged values train/loss and train/lr are the engine's own."""
    for name in sorted({"loss", "lr"} & stage.objective.keys()):
        place = join_pointer(pointer, "objective", name)
        yield Problem(place, "name_reserved", f"no term may be called {name!r}", name, "any name but loss and lr")


def _check_terms(pointer: str, stage: ResolvedStage, spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    for name, term in stage.objective.items():
        place = join_pointer(pointer, "objective", name)
        entry = catalog.methods[term.method]
        if entry.teacher and term.teacher is None:
            message = f"the method {term.method!r} needs a teacher, and the stage names none"
            yield Problem(place, "teacher_missing", message, term.method)
        if entry.same_classes and term.teacher is not None:
            student, teacher = (spec.models[key].params.get("num_classes") for key in (stage.student, term.teacher))
            if student != teacher:
                message = f"the method {term.method!r} compares logits: student {student} classes, teacher {teacher}"
                yield Problem(place, "classes_differ", message, term.method)
    if not any(term.weight > 0 for term in stage.objective.values()):
        yield Problem(f"{pointer}/objective", "value_invalid", "every weight is 0: nothing would be learnt", 0.0, "> 0")


def _check_same_data(pointer: str, stage: ResolvedStage, spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """A model's channels and image size were fixed by the stream it saw first; later streams must agree."""
    entry_of = {name: catalog.datasets[stream.dataset] for name, stream in spec.data.items()}
    for field, name in (("train", stage.train), ("validate_on", stage.validate_on)):
        if name is None:
            continue
        for view, config in spec.data[name].views.items():
            channels, height, width = config.shape(entry_of[name].image_shape)
            for model in (stage.student, *stage.teachers):
                params = spec.models[model].params
                wanted = (params.get("in_channels", channels), params.get("image_size", min(height, width)))
                if wanted != (channels, min(height, width)):
                    message = (
                        f"view {view!r} of {name!r} gives {channels} channels of {height}x{width}, and the model "
                        f"{model!r} takes {wanted[0]} of {wanted[1]}x{wanted[1]}"
                    )
                    yield Problem(f"{pointer}/{field}", "shapes_differ", message, name)
