"""What the commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stillhouse.client import Artifact, Checkpoint, Event, Job, QueueEntry, Range
from stillhouse.display import Reading, format_bytes, format_duration, one_line

notes = Console(stderr=True)
"""Where progress and remarks go."""


def say(line: str = "") -> None:
    """Print a line of the result."""
    typer.echo(line)


def note(line: str) -> None:
    """Print a remark that is no part of the result."""
    notes.print(line, highlight=False, markup=False, soft_wrap=True)


def say_json(document: Any) -> None:
    """Print one JSON document on a line of its own."""
    typer.echo(json.dumps(document, ensure_ascii=False, default=str))


def say_table(table: Table) -> None:
    """Print a table as wide as the terminal, or as wide as it needs where there is none."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def say_job(job: Job) -> None:
    """Print what there is to know about a job."""
    rows: dict[str, Any] = {
        "id": job.id,
        "name": job.name,
        "state": describe_state(job),
        "message": job.status_message,
        "labels": ", ".join(f"{key}={value}" for key, value in job.labels.items()),
        "attempt": job.attempt,
        "step": f"{job.step or 0}/{job.total_steps}" if job.total_steps else None,
        "created": describe_time(job.created_at),
        "took": describe_span(job),
        "project": job.project if job.project != "default" else None,
        "clone of": job.parent_id,
        "trial of": job.sweep_id,
        "notes": job.notes,
    }
    for key, value in rows.items():
        if value not in (None, ""):
            say(f"{key:<9}{one_line(str(value), most=1000)}")
    for key, value in (job.figures or {}).items():
        say(f"  {key:<24}{value}")


def build_artifact_table(artifacts: list[Artifact]) -> Table:
    """Return the table of `artifacts`."""
    table = Table(box=None, pad_edge=False)
    for column in ("id", "kind", "name", "size", "sha256"):
        table.add_column(column, no_wrap=True)
    for artifact in artifacts:
        table.add_row(
            artifact.id, artifact.kind, Text(one_line(artifact.name)), format_bytes(artifact.size), artifact.sha256
        )
    return table


def build_checkpoint_table(checkpoints: list[Checkpoint]) -> Table:
    """Return the table of `checkpoints`."""
    table = Table(box=None, pad_edge=False)
    for column in ("id", "attempt", "stage", "step", "size", "saved"):
        table.add_column(column, no_wrap=True)
    for entry in checkpoints:
        size, saved = format_bytes(entry.size), describe_time(entry.created_at)
        table.add_row(entry.id, str(entry.attempt), Text(entry.stage), str(entry.step), size, saved)
    return table


def build_queue_table(entries: list[QueueEntry]) -> Table:
    """Return the table of `queue`."""
    table = Table(box=None, pad_edge=False)
    for column in ("place", "id", "name", "state", "starts in", "ends in", "waits for"):
        table.add_column(column, no_wrap=column == "id")
    for entry in entries:
        place = "" if entry.place is None else str(entry.place)
        times = (describe_range(entry.starts_in_s), describe_range(entry.ends_in_s))
        table.add_row(place, entry.job_id, Text(one_line(entry.name)), entry.state, *times, entry.waits_for or "")
    return table


def describe_range(seconds: Range | None) -> str:
    """Return a range of seconds, a question mark where nothing is known."""
    if seconds is None:
        return "?"
    likely, worst = format_duration(seconds.p50), format_duration(seconds.p90)
    return likely if likely == worst else f"{likely} - {worst}"


def describe_state(job: Job) -> str:
    """Return a job's state with its reason."""
    return f"{job.state} ({job.status_reason})" if job.status_reason else job.state


def describe_time(moment: datetime) -> str:
    """Return a time of day with its date, in this machine's zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def describe_span(job: Job) -> str | None:
    """Return how long a job has been or was running."""
    if job.started_at is None:
        return None
    return format_duration(((job.finished_at or datetime.now(UTC)) - job.started_at).total_seconds())


def read_job(job: Job, values: Mapping[str, float | str]) -> Reading:
    """Return a job as displays show it."""
    return Reading(describe_state(job), job.step, job.total_steps, job.eta_s, values)


def describe_event(event: Event) -> str:
    """Return an event as a line."""
    words = " ".join(f"{key}={value}" for key, value in event.data.items() if value not in (None, "", [], {}))
    return f"{event.created_at.astimezone():%H:%M:%S}  {event.type}  {one_line(words, most=1000)}".rstrip()
