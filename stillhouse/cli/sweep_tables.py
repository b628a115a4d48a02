"""Sweeps and their trials as the commands show them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from distill_core.spec.document import name_pointers
from stillhouse.cli.output import describe_time
from stillhouse.client import Sweep, SweepPlan, Trial
from stillhouse.display import one_line


def build_sweep_table(sweeps: Sequence[Sweep]) -> Table:
    """Return the table of `sweep ls`."""
    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "varies", "trials", "states", "metric", "created"):
        table.add_column(column, no_wrap=column == "id")
    for sweep in sweeps:
        varies = ", ".join(name_pointers(sweep.axes).values())
        facts = (one_line(sweep.name), varies, str(sweep.num_trials), describe_states(sweep), sweep.metric or "")
        table.add_row(sweep.id, *map(Text, facts), describe_time(sweep.created_at))
    return table


def build_trial_table(sweep: Sweep) -> Table:
    """Return the table of `sweep show`."""
    table = Table(box=None, pad_edge=False)
    names = name_pointers(sweep.axes)
    for column in ("", "trial", *names.values(), "state", "progress", sweep.metric or "value", "stopped at", "job"):
        table.add_column(Text(column), no_wrap=column == "job")
    for trial in sweep.trials:
        is_best = sweep.best is not None and trial.job_id == sweep.best.job_id
        progress = "" if trial.progress is None else f"{trial.progress:.0%}"
        table.add_row(
            "*" if is_best else "",
            str(trial.number),
            *(Text(_show(trial.values.get(pointer))) for pointer in names),
            trial.state,
            progress,
            _show_number(trial),
            _describe_stop(trial),
            trial.job_id,
        )
    return table


def build_plan_table(plan: SweepPlan) -> Table:
    """Return the table of `sweep submit --dry-run`."""
    table = Table(box=None, pad_edge=False)
    names = name_pointers({pointer: None for trial in plan.trials for pointer in trial.values})
    for column in ("trial", *names.values(), "steps"):
        table.add_column(Text(column))
    for trial in plan.trials:
        values = (Text(_show(trial.values.get(pointer))) for pointer in names)
        table.add_row(str(trial.number), *values, "?" if trial.steps is None else str(trial.steps))
    return table


def describe_states(sweep: Sweep) -> str:
    """Return how many trials are in which state."""
    return ", ".join(f"{count} {state}" for state, count in sweep.states.items()) or "no trial is left"


def describe_trial(trial: Trial, sweep: Sweep) -> str:
    """Return how a trial ended as a line."""
    stopped = _describe_stop(trial)
    value = f"{sweep.metric} {_show_number(trial)}" if trial.value is not None else ""
    told = (f"trial {trial.number}", _show_settings(trial.values), trial.state, value, stopped)
    return "  ".join(part for part in told if part)


def _show_settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_show(values[pointer])}" for pointer, name in name_pointers(values).items())


def _describe_stop(trial: Trial) -> str:
    late = next((rung for rung in trial.judgements if not rung.is_kept), None)
    return "" if late is None else f"rung {late.rung}, step {late.step}: place {late.place} of {late.num_judged}"


def _show_number(trial: Trial) -> str:
    return f"{trial.value:.6g}" if isinstance(trial.value, int | float) else trial.value or ""


def _show(value: Any) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), most=60)
