"""Rules on figures: which cannot be measured on a stream, since its samples have no classes."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from distill_core.errors import Problem
from distill_core.spec.experiment import ResolvedSpec

__all__ = ["find_figure_problems"]


def find_figure_problems(
    spec: ResolvedSpec, without_classes: Collection[str], without_guesses: Collection[str] = ()
) -> Iterator[Problem]:
    """Yield the figures that a spec goes by or asks for and that cannot be had.

    Args:
        spec: the spec, written out.
        without_classes: names of the streams whose samples have no classes.
        without_guesses: names of those to whose samples models answer with boxes, which do not agree or disagree.
    """
    for index, stage in enumerate(spec.stages):
        if stage.validate_on not in without_classes:
            continue
        if stage.keep == "best" and stage.select_by != "loss":
            yield _refuse(f"/stages/{index}/select_by", stage.select_by, stage.validate_on, "loss")
        if stage.early_stop is not None and stage.early_stop.metric != "loss":
            yield _refuse(f"/stages/{index}/early_stop/metric", stage.early_stop.metric, stage.validate_on, "loss")
    if spec.evaluation.stream in without_classes:
        allowed = () if spec.evaluation.stream in without_guesses else ("agreement",)
        wanted = ", ".join(metric for metric in spec.evaluation.metrics if metric not in allowed)
        if wanted:
            remedy = " or ".join((*allowed, "a stream with classes"))
            yield _refuse("/evaluation/metrics", wanted, spec.evaluation.stream, remedy)


def _refuse(pointer: str, figure: str, stream: str | None, allowed: str) -> Problem:
    message = f"{figure} compares guesses with classes, and the samples of the stream {stream!r} have none"
    return Problem(pointer, "labels_missing", message, figure, allowed)
