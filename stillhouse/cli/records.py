"""`logs`, `events`, `metrics`: what a job writes down."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.table import Table

from stillhouse.cli.options import AsJson, AttemptNumber, JobId, Url
from stillhouse.cli.output import describe_event, note, say, say_json, say_table
from stillhouse.client import Client, MetricRow
from stillhouse.plot import WIDTH, choose_bars, draw_curve

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is done.")]


def logs(
    job_id: JobId,
    *,
    follow: Follow = False,
    attempt: AttemptNumber = None,
    tail: Annotated[int | None, typer.Option("--tail", min=1, help="Begin so many bytes before the end.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print the log of a job."""
    with Client(url) as client:
        chunks = client.logs(job_id, attempt=attempt, tail=tail)
        if follow and not tail:
            chunks = client.follow_logs(job_id, attempt=attempt)
        behind = None
        for chunk in chunks:
            say_json(chunk.as_document()) if as_json else typer.echo(chunk.text, nl=False)
            behind = chunk
        if follow and tail and behind:
            offset = behind.offset + len(behind.text.encode())
            for chunk in client.follow_logs(job_id, attempt=attempt or behind.attempt, offset=offset):
                say_json(chunk.as_document()) if as_json else typer.echo(chunk.text, nl=False)


def events(job_id: JobId, follow: Follow = False, as_json: AsJson = False, url: Url = None) -> None:
    """Print what has happened to a job."""
    with Client(url) as client:
        for event in client.follow_events(job_id) if follow else client.events(job_id):
            say_json(event.as_document()) if as_json else say(describe_event(event))


def metrics(
    job_id: JobId,
    *,
    keys: Annotated[list[str] | None, typer.Option("--key", "-k", help="Print the curve of this metric.")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw curves: those of --key, else all.")] = False,
    follow: Follow = False,
    max_points: Annotated[int, typer.Option("--max-points", min=1, help="Thin curves to so many points.")] = 1000,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print the metrics of a job: in short, as curves, or as they come."""
    with Client(url) as client:
        if follow:
            for row in client.follow_metrics(job_id):
                say_json(row.as_document()) if as_json else say(_describe_row(row))
        elif plot:
            _draw(client, job_id, keys, as_json=as_json)
        elif keys:
            _say_series(client, job_id, keys, max_points, as_json=as_json)
        else:
            _say_summary(client, job_id, as_json=as_json)


def _draw(client: Client, job_id: str, keys: list[str] | None, *, as_json: bool) -> None:
    """Print a line a curve: its bars, its first and its last value."""
    wanted = keys or [key for key, entry in client.metrics(job_id).items() if entry.count > 1]
    if not wanted:
        note("no curves yet")
        return
    curves = client.series(job_id, wanted, max_points=WIDTH)
    if as_json:
        say_json([curve.as_document() for curve in curves.values()])
        return
    bars = choose_bars(sys.stdout.encoding)
    longest = max(map(len, curves), default=0)
    for key, curve in curves.items():
        values = [float(point.value) for point in curve.points if point.value is not None]
        ends = f"{values[0]:.4g} -> {values[-1]:.4g}" if values else "no values yet"
        say(f"{key:<{longest}}  {draw_curve(values, bars=bars)}  {ends}")


def _say_series(client: Client, job_id: str, keys: list[str], max_points: int, *, as_json: bool) -> None:
    series = client.series(job_id, keys, max_points=max_points)
    if as_json:
        say_json([curve.as_document() for curve in series.values()])
        return
    for key, curve in series.items():
        for point in curve.points:
            say(f"{key}\t{point.step}\t{point.value}")


def _say_summary(client: Client, job_id: str, *, as_json: bool) -> None:
    found = client.metrics(job_id)
    if as_json:
        say_json([summary.as_document() for summary in found.values()])
        return
    table = Table(box=None, pad_edge=False)
    for column in ("key", "last", "min", "max", "count", "last step"):
        table.add_column(column, justify="left" if column == "key" else "right")
    for entry in found.values():
        table.add_row(*map(str, (entry.key, entry.last, entry.min, entry.max, entry.count, entry.last_step)))
    say_table(table)


def _describe_row(row: MetricRow) -> str:
    return f"step {row.step}  " + "  ".join(f"{key} {value}" for key, value in row.values.items())
