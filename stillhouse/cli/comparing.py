"""`compare` and `diff`: jobs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from stillhouse.cli.failure import FAILED
from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import describe_state, note, say_json, say_table
from stillhouse.client import Change, Client, Comparison
from stillhouse.client.results import Number
from stillhouse.display import one_line

Jobs = Annotated[list[str], typer.Argument(metavar="JOB JOB...", help="Ids of two jobs or more.", show_default=False)]


def compare(
    job_ids: Jobs,
    *,
    keys: Annotated[
        list[str] | None, typer.Option("--key", "-k", help="Show the last value of this metric; may be repeated.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="JOB", help="Job that differences are taken to; the first.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show jobs side by side: where their specs differ, their figures and metrics, with differences from a baseline."""
    if len(job_ids) < 2:
        raise typer.BadParameter("it takes two jobs or more", param_hint="JOB JOB...")
    with Client(url) as client:
        found = client.compare(job_ids, baseline=baseline)
    if as_json:
        say_json(found.as_document())
    else:
        say_table(_build_comparison(found, keys))


def diff(
    first: Annotated[str, typer.Argument(metavar="JOB", help="Id of a job.", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="JOB", help="Id of another one.", show_default=False)],
    *,
    sent: Annotated[bool, typer.Option("--sent", help="Compare the specs as they were sent, not as executed.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show where the specs of two jobs differ; the exit code is 1 if they do."""
    with Client(url) as client:
        changes = client.diff(first, second, resolved=not sent)
    if as_json:
        say_json([change.as_document() for change in changes])
    elif changes:
        say_table(_build_changes(changes, (first, second)))
    else:
        note("the specs say the same")
    if changes:
        raise typer.Exit(FAILED)


def _build_changes(changes: Sequence[Change], titles: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("place", *titles):
        table.add_column(Text(title), overflow="fold")
    for change in changes:
        table.add_row(*map(Text, (change.pointer or "/", *map(_show, change.values))))
    return table


def _build_comparison(found: Comparison, keys: Sequence[str] | None) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for job in found.jobs:
        table.add_column(Text(one_line(job.name, most=60)), overflow="fold")
    table.add_row("id", *(job.id for job in found.jobs))
    table.add_row("state", *map(describe_state, found.jobs))
    table.add_row("baseline", *("yes" if job.id == found.baseline else "" for job in found.jobs))
    for change in found.changes:
        table.add_row(*map(Text, (change.pointer, *map(_show, change.values))))
    shown = found.metrics if keys is None else keys
    measured = {key: values for key, values in found.metrics.items() if key in shown and key not in found.figures}
    measured = {**found.figures, **measured}
    for key, values in measured.items():
        cells = (_show_measured(*pair) for pair in zip(values, found.deltas[key], strict=True))
        table.add_row(*map(Text, (key, *cells)))
    return table


def _show_measured(value: Any, delta: Number | None) -> str:
    """Return a value with its difference from the baseline, where there is one."""
    shown = _show(value)
    return f"{shown} ({delta:+.3g})" if isinstance(delta, int | float) else shown


def _show(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), most=60)
