"""How far the figures of a run may be trusted, told from its spec and figures alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from distill_core.outputs.result import Result
from distill_core.spec.data import StreamSpec
from distill_core.spec.stage import ResolvedStage

__all__ = ["describe_teacher", "list_limits", "name_evaluation"]


def name_evaluation(result: Result) -> str:
    """Return what the evaluated samples are to the run: training, validation or test samples."""
    evaluated = result.evaluated
    if evaluated is None:
        return "nothing"
    if _shares(evaluated, result, _streams_of(result.spec.stages)):
        return "training samples"
    return "validation samples" if _shares(evaluated, result, _selected_on(result)) else "test samples"


def describe_teacher(name: str, result: Result) -> str:
    """Return where a teacher's weights come from."""
    digest = result.facts["weights"].get(name)
    stages = [stage.name for stage in result.spec.stages if stage.student == name]
    parts = [f"a file with sha256 `{digest}`"] if digest else []
    parts += [f"trained in stage `{stage}`" for stage in stages]
    return ", then ".join(parts) or "drawn from the seed, never trained"


def list_limits(result: Result) -> list[str]:
    """Return what the run does not show, a sentence each."""
    return [*_limits_of_data(result), *_limits_of_figures(result), *_limits_of_run(result)]


def _limits_of_data(result: Result) -> Iterator[str]:
    stages = [stage for stage in result.spec.stages if stage.student == result.last_stage.student]
    for name in dict.fromkeys(_streams_of(stages)):
        stream = result.spec.data[name]
        yield (
            f"The student was trained on {result.num_samples(name):,} samples of `{stream.dataset}` (split "
            f"`{stream.split}`); on anything else nothing was measured."
        )
    for name in result.teachers:
        if name in result.facts["weights"]:
            yield f"What the weights of the teacher `{name}` had been trained on is not known here."
        elif name not in {stage.student for stage in result.spec.stages}:
            yield f"The teacher `{name}` was untrained: there was nothing to learn from it."


def _limits_of_figures(result: Result) -> Iterator[str]:
    evaluated = result.evaluated
    if evaluated is None:
        yield "The student was not evaluated."
        return
    number = f"{result.num_samples(str(result.spec.evaluation.stream)):,}"
    role = name_evaluation(result)
    if role == "training samples":
        yield f"The figures were measured on samples ({number}) that the run trained on; they say nothing of new ones."
    elif role == "validation samples":
        yield (
            f"The figures were measured on the samples ({number}) by which the weights were chosen, so they are "
            "validation figures and better than a test would be."
        )
    else:
        yield f"The figures were measured on {number} samples on which the run neither trained nor chose weights."
    error = result.figures.get("test/ece")
    if error is None:
        yield "Calibration was not measured: its probabilities may be too high or too low."
    else:
        yield f"Its probabilities are off by {error:.2%} in the mean (15-bin calibration error)."


def _limits_of_run(result: Result) -> Iterator[str]:
    yield f"This is one run with seed {result.spec.runtime.seed}; how much another seed changes was not measured."
    if not result.spec.runtime.deterministic:
        yield "The run was not deterministic: the same spec gives other weights when it is run again."
    if "cost/latency_ms" in result.figures:
        yield "Times hold for the device named above, for PyTorch without compilation."
    for export in result.exports:
        yield (
            f"`{export.file.path.name}` takes batches of any size; the other dimensions of its inputs are fixed. "
            f"Its outputs were within {export.difference:.1e} of the student's, relative to the largest output."
        )


def _streams_of(stages: Iterable[ResolvedStage]) -> list[str]:
    """Return the streams that stages train on."""
    return [name for stage in stages for name in (stage.train, *stage.further)]


def _selected_on(result: Result) -> list[str]:
    """Return the streams by which weights, or the length of a stage, were chosen."""
    return [
        stage.validate_on
        for stage in result.spec.stages
        if stage.validate_on is not None and (stage.keep == "best" or stage.early_stop is not None)
    ]


def _shares(evaluated: StreamSpec, result: Result, names: list[str]) -> bool:
    return any(_overlap(evaluated, result.spec.data[name]) for name in names)


def _overlap(one: StreamSpec, other: StreamSpec) -> bool:
    """Return whether two streams may hold the same sample; the two parts of one division never do."""
    if (one.dataset, one.params, one.split) != (other.dataset, other.params, other.split):
        return False
    first, second = one.hold_out, other.hold_out
    if first is None or second is None:
        return True
    is_same_division = (first.ratio, first.seed) == (second.ratio, second.seed)
    return not is_same_division or first.part == second.part
