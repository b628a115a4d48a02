"""The stages of a run as a table: who learnt from whom, on what, for how long, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distill_core.outputs.markdown import format_value, write_list, write_table
from distill_core.outputs.result import Result
from distill_core.spec.objective import TermSpec
from distill_core.spec.stage import ResolvedStage

__all__ = ["write_stages"]

HEAD = ("stage", "student", "teachers", "data", "epochs", "batch", "objective", "optimizer", "schedule", "hands on")
SHOWN = {
    "name", "student", "teachers", "train", "epochs", "batch_size", "objective", "optimizer", "schedule", "keep",
}  # fmt: skip
"""Fields that have a column; what else a stage says is listed below the table."""


def write_stages(result: Result) -> str:
    """Return the table of the stages, and below it what the table has no column for."""
    stages = result.spec.stages
    further = [(stage.name, stage.model_dump(mode="json", exclude_defaults=True, exclude=SHOWN)) for stage in stages]
    notes = [f"`{name}`: {format_value(fields)}" for name, fields in further if any(fields.values())]
    table = write_table(HEAD, [_row(stage) for stage in stages])
    return f"{table}\n\n{write_list(notes)}" if notes else table


def _row(stage: ResolvedStage) -> tuple[str, ...]:
    return (
        f"`{stage.name}`",
        f"`{stage.student}`",
        ", ".join(f"`{name}`" for name in stage.teachers) or "none",
        f"`{stage.train}`",
        str(stage.epochs),
        str(stage.batch_size),
        " + ".join(_describe_term(name, term) for name, term in stage.objective.items()),
        _describe_choice(stage.optimizer.as_document(), "optimizer"),
        _describe_choice(stage.schedule.as_document(), "schedule"),
        f"{stage.keep} weights",
    )


def _describe_term(name: str, term: TermSpec) -> str:
    """Return a term as in a formula: 0.9 `kd` (temperature 4)."""
    document = term.model_dump(mode="json", exclude_none=True)
    weight = document["weight"]
    factor = f"({_describe_choice(weight, 'schedule')})" if isinstance(weight, Mapping) else format_value(weight)
    options = {"method": term.method} if term.method != name else {}
    options |= {option: document[option] for option in ("teacher", "stream", "parts") if document.get(option)}
    options |= document["params"]
    return f"{factor} `{name}`" + (f" ({format_value(options)})" if options else "")


def _describe_choice(document: Mapping[str, Any], kind: str) -> str:
    """Return the name of what was chosen and its options."""
    options = {name: value for name, value in document.items() if name != kind and value not in (None, [], {})}
    return f"{document[kind]} ({format_value(options)})" if options else str(document[kind])
