"""Rules within one stage: what cannot work although every field is well-formed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from distill_core.errors import Problem
from distill_core.spec.document import join_pointer
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.objective import TermSpec
from distill_core.spec.optimizer import find_optimizer_problems, find_schedule_problems
from distill_core.spec.stage import ResolvedStage
from distill_core.spec.training import find_warmup_problems
from distill_core.spec.weight import Milestones, Piecewise, Process, Weight

__all__ = ["find_stage_problems"]


def find_stage_problems(pointer: str, stage: ResolvedStage, spec: ResolvedSpec) -> Iterator[Problem]:
    """Yield what cannot work in a stage."""
    yield from _check_selection(pointer, stage)
    yield from _check_schedule(pointer, stage)
    yield from _check_division(pointer, stage, spec)
    yield from _check_cache(pointer, stage, spec)
    yield from _check_trigger(pointer, stage)
    for name, term in stage.objective.items():
        yield from _check_weights(join_pointer(pointer, "objective", name), term)
    for name, section in stage.sections.items():
        if section.until is not None and section.sequential is not None:
            message = "a section is either cut behind a place or made of a sequence"
            yield Problem(
                join_pointer(pointer, "sections", name), "value_invalid", message, None, "until or sequential"
            )


def _check_selection(pointer: str, stage: ResolvedStage) -> Iterator[Problem]:
    if stage.validate_on is not None:
        return
    if stage.keep == "best":
        message = "the best weights are chosen by validation: name a stream in validate_on"
        yield Problem(f"{pointer}/keep", "validation_missing", message, "best")
    if stage.early_stop is not None:
        message = "early stop goes by validation: name a stream in validate_on"
        yield Problem(f"{pointer}/early_stop", "validation_missing", message)


def _check_trigger(pointer: str, stage: ResolvedStage) -> Iterator[Problem]:
    if stage.until is not None and stage.validate_on is None:
        message = "the trigger compares figures of validation: name a stream in validate_on"
        yield Problem(f"{pointer}/until", "validation_missing", message)
    if stage.until is not None and stage.until.otherwise == "end_group" and stage.group is None:
        message = "there is no group that could end: name the group of this stage"
        yield Problem(f"{pointer}/until/otherwise", "field_missing", message, "end_group", "go_on")
    for field in ("until", "take_over"):
        named = getattr(stage, field)
        if named is not None and named.model == stage.student:
            message = "the student cannot be compared with itself, nor take over its own weights"
            yield Problem(f"{pointer}/{field}/model", "value_invalid", message, named.model, "another model")


def _check_schedule(pointer: str, stage: ResolvedStage) -> Iterator[Problem]:
    yield from find_optimizer_problems(f"{pointer}/optimizer", stage.optimizer)
    yield from find_schedule_problems(f"{pointer}/schedule", stage.schedule, stage.epochs)
    if stage.warmup is not None:
        yield from find_warmup_problems(f"{pointer}/warmup", stage.warmup)


def _check_division(pointer: str, stage: ResolvedStage, spec: ResolvedSpec) -> Iterator[Problem]:
    """Every device gets an equal share of every part of a batch."""
    num_ranks = spec.runtime.devices * spec.runtime.nodes
    num_shares = num_ranks * stage.accumulate
    if stage.batch_size < stage.accumulate:
        message = f"a batch of {stage.batch_size} cannot be divided into {stage.accumulate} parts"
        yield Problem(f"{pointer}/accumulate", "value_invalid", message, stage.accumulate, f"<= {stage.batch_size}")
    elif num_ranks > 1 and stage.batch_size % num_shares:
        message = f"a batch of {stage.batch_size} does not divide among {num_ranks} devices in {stage.accumulate} parts"
        yield Problem(
            f"{pointer}/batch_size", "value_invalid", message, stage.batch_size, f"a multiple of {num_shares}"
        )
    for name, count in stage.further.items():
        if count % num_shares:
            message = f"{count} samples do not divide among {num_ranks} devices in {stage.accumulate} parts"
            place = join_pointer(pointer, "further", name)
            yield Problem(place, "value_invalid", message, count, f"a multiple of {num_shares}")


def _check_cache(pointer: str, stage: ResolvedStage, spec: ResolvedSpec) -> Iterator[Problem]:
    if stage.cache.mode == "on":
        yield from _check_wanted_cache(pointer, stage, spec)
    if stage.cache.mode == "on" and not stage.teachers:
        yield Problem(
            f"{pointer}/cache/mode", "teacher_missing", "there is no teacher whose outputs could be kept", "on"
        )
    mixes = stage.mix is not None and not stage.mix.cached_labels
    if stage.cache.mode == "on" and mixes:
        message = "mixed samples are new at every step, so nothing of them can be kept; or set mix.cached_labels"
        yield Problem(f"{pointer}/cache/mode", "value_invalid", message, "on", "auto, off")
    if stage.mix is not None and stage.mix.cached_labels and stage.cache.mode == "off":
        message = "mix.cached_labels mixes what the cache holds, and the cache is off"
        yield Problem(f"{pointer}/mix/cached_labels", "value_invalid", message, True, "cache auto or on")


def _check_wanted_cache(pointer: str, stage: ResolvedStage, spec: ResolvedSpec) -> Iterator[Problem]:
    """A cache that is asked for must be exact: refused here where the spec tells, else by the run before it trains."""
    if spec.runtime.nodes > 1:
        message = "several hosts share no folder in which outputs could be kept"
        yield Problem(f"{pointer}/cache/mode", "cache_inexact", message, "on", "auto, off")
    listening = [term for term in stage.objective.values() if term.teacher is not None]
    if any(term.stream is not None for term in listening):
        message = "samples of a further stream do not come once an epoch, so what teachers say to them cannot be kept"
        yield Problem(f"{pointer}/cache/mode", "cache_inexact", message, "on", "auto, off")
    views = spec.data[stage.train].views
    for name in dict.fromkeys(term.view for term in listening if term.stream is None and term.view in views):
        view = views[name or ""]
        if view.is_random and view.variants is None:
            message = f"the view {name!r} is drawn anew in every epoch, so nothing of it can be kept; `variants` makes "
            place = join_pointer("/data", stage.train, "views", name or "", "variants")
            yield Problem(place, "cache_inexact", message + "it repeat", None, "a number, or cache mode auto or off")


def _check_weights(pointer: str, term: TermSpec) -> Iterator[Problem]:
    yield from _check_weight(f"{pointer}/weight", term.weight)
    if not isinstance(term.parts, Process):
        for name, weight in term.parts.items():
            yield from _check_weight(join_pointer(pointer, "parts", name), weight)


def _check_weight(pointer: str, weight: Weight) -> Iterator[Problem]:
    if isinstance(weight, Milestones):
        yield from _check_ascending(f"{pointer}/milestones", weight.milestones)
    if isinstance(weight, Piecewise):
        yield from _check_ascending(f"{pointer}/points", [time for time, _ in weight.points])


def _check_ascending(pointer: str, times: Sequence[float]) -> Iterator[Problem]:
    if any(after <= before for before, after in pairwise(times)):
        yield Problem(pointer, "value_invalid", "milestones must ascend", list(times), "ascending times")
