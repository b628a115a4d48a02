"""`ls`: jobs that fulfil what is asked, in the columns that are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from stillhouse.cli.options import AsJson, Labels, Url
from stillhouse.cli.output import describe_span, describe_state, describe_time, note, say_json, say_table
from stillhouse.cli.spec_input import read_labels
from stillhouse.client import Client, Job
from stillhouse.display import format_duration, one_line

COLUMNS: dict[str, Callable[[Job], object]] = {
    "id": lambda job: job.id,
    "name": lambda job: job.name,
    "state": describe_state,
    "step": lambda job: f"{job.step or 0}/{job.total_steps}" if job.total_steps else None,
    "created": lambda job: describe_time(job.created_at),
    "took": describe_span,
    "left": lambda job: None if job.eta_s is None else format_duration(job.eta_s),
    "project": lambda job: job.project,
    "labels": lambda job: ", ".join(f"{key}={value}" for key, value in job.labels.items()),
    "priority": lambda job: job.priority,
    "attempt": lambda job: job.attempt,
    "parent": lambda job: job.parent_id,
    "sweep": lambda job: job.sweep_id,
    "notes": lambda job: job.notes,
}
"""What a column shows of a job; `metric:KEY` is the last value of a metric, `figure:KEY` one of the evaluation."""

DEFAULT_COLUMNS = "id,name,state,step,created,took"
UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

_METRIC, _FIGURE = "metric:", "figure:"


def ls(
    *,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only jobs in this state; may be repeated.")
    ] = None,
    query: Annotated[str | None, typer.Option("--query", "-q", help="Only jobs whose name holds this.")] = None,
    labels: Labels = None,
    project: Annotated[str | None, typer.Option("--project", help="Only jobs of this project.")] = None,
    student: Annotated[str | None, typer.Option("--student", help="Only jobs with this model as student.")] = None,
    teacher: Annotated[str | None, typer.Option("--teacher", help="Only jobs with this model as a teacher.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Only jobs with this data set.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="Only jobs with this method.")] = None,
    sweep: Annotated[str | None, typer.Option("--sweep", help="Only trials of this sweep.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="Only later ones: 2026-01-31, or 90m, 6h, 2d, 1w ago.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Only earlier ones.")] = None,
    sort: Annotated[
        str, typer.Option("--sort", help="created_at, name or metric:KEY; - before it for descending.")
    ] = "-created_at",
    columns: Annotated[
        str,
        typer.Option("--columns", "-c", help=f"Of {', '.join(COLUMNS)}, metric:KEY, figure:KEY."),
    ] = DEFAULT_COLUMNS,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List jobs, the newest first unless --sort says otherwise."""
    names = read_columns(columns)
    with Client(url) as client:
        found = client.jobs(
            state=state,
            q=query,
            labels=read_labels(labels),
            project=project,
            student=student,
            teacher=teacher,
            dataset=dataset,
            method=method,
            sweep=sweep,
            created_after=read_moment(since, "--since"),
            created_before=read_moment(until, "--until"),
            sort=sort,
            metrics=[name.removeprefix(_METRIC) for name in names if name.startswith(_METRIC)],
        )
        jobs = list(islice(found, limit))
    if as_json:
        say_json([job.as_document() for job in jobs])
    elif jobs:
        say_table(build_table(jobs, names))
    else:
        note("no jobs; submit one with `stillhouse submit SPEC`")


def build_table(jobs: Sequence[Job], names: Sequence[str]) -> Table:
    """Return jobs as a table of some columns."""
    table = Table(box=None, pad_edge=False)
    for name in names:
        is_number = name.startswith((_METRIC, _FIGURE))
        title = name.partition(":")[2] if is_number else name
        table.add_column(Text(title), no_wrap=name == "id", justify="right" if is_number else "left")
    for job in jobs:
        table.add_row(*(Text(_show(job, name)) for name in names))
    return table


def read_columns(text: str) -> list[str]:
    """Return the names of columns written with commas between them."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in COLUMNS and not name.startswith((_METRIC, _FIGURE)):
            allowed = f"{', '.join(COLUMNS)}, metric:KEY, figure:KEY"
            raise typer.BadParameter(f"there is no column {name!r}; there are {allowed}", param_hint="--columns")
    return names or read_columns(DEFAULT_COLUMNS)


def read_moment(text: str | None, option: str) -> datetime | None:
    """Return a moment written as a date, as a time of RFC 3339, or as how long ago it was."""
    if text is None:
        return None
    ago = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if ago:
        return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * UNITS_S[ago[2]])
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        wanted = "a date (2026-01-31), a time (2026-01-31T12:00:00Z), or how long ago (90m, 6h, 2d, 1w)"
        raise typer.BadParameter(f"{text!r} is no moment; it takes {wanted}", param_hint=option) from None


def _show(job: Job, name: str) -> str:
    if name.startswith(_METRIC):
        value: object = job.metrics.get(name.removeprefix(_METRIC))
    elif name.startswith(_FIGURE):
        value = (job.figures or {}).get(name.removeprefix(_FIGURE))
    else:
        value = COLUMNS[name](job)
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else one_line(str(value))
