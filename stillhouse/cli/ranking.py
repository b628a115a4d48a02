"""`gain`, `leaderboard`: how good jobs are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from stillhouse.cli.options import AsJson, JobId, Url
from stillhouse.cli.output import note, say, say_json, say_table
from stillhouse.client import Client, Gain, Leader, Measured
from stillhouse.display import format_bytes, one_line

Metric = Annotated[str, typer.Option("--metric", "-m", help="The metric that is looked at.")]

VERDICTS = {
    "gain": "better than without a teacher",
    "loss": "worse than without a teacher",
    "no_evidence": "no evidence of a gain",
}
"""What a verdict says, in words."""


def gain(job_id: JobId, metric: Metric = "test/accuracy", as_json: AsJson = False, url: Url = None) -> None:
    """Show what a job gained over the same training without a teacher, and how sure that is."""
    with Client(url) as client:
        found = client.gain(job_id, metric=metric)
    if as_json:
        say_json(found.as_document())
    else:
        _say_gain(found)


def leaderboard(
    metric: Metric = "test/accuracy",
    *,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Only jobs with this data set.")] = None,
    project: Annotated[str | None, typer.Option("--project", help="Only jobs of this project.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="At most so many.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List the succeeded jobs with the best values of a metric, with size, latency and gain."""
    with Client(url) as client:
        found = client.leaderboard(metric=metric, dataset=dataset, project=project, limit=limit)
    if as_json:
        say_json([leader.as_document() for leader in found])
    elif found:
        say_table(_build_table(found, metric))
    else:
        note(f"no succeeded job has measured {metric} here; `stillhouse metrics JOB` lists what a job has")


def describe_gain(found: Gain) -> str:
    """Return a gain with its interval, a dash where there is none."""
    if found.gain is None:
        return "-"
    interval = "" if found.low is None or found.high is None else f" [{found.low:+.4g}, {found.high:+.4g}]"
    return f"{found.gain:+.4g}{interval}"


def _say_gain(found: Gain) -> None:
    rows = {
        "metric": found.metric,
        "value": "not measured" if found.value is None else f"{found.value:.6g}",
        "controls": "none"
        if found.control_mean is None
        else f"{found.control_mean:.6g}, mean of {_name(found.controls)}",
        "peers": _name(found.peers),
        "gain": describe_gain(found),
        "verdict": VERDICTS.get(found.verdict or "", found.verdict),
    }
    for name, value in rows.items():
        if value:
            say(f"{name:<10}{value}")
    note(found.reason)


def _name(jobs: Sequence[Measured]) -> str:
    return ", ".join(job.job_id for job in jobs)


def _build_table(leaders: Sequence[Leader], metric: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("rank", "id", "name", metric, "gain", "size", "latency"):
        right = title not in {"id", "name", "gain"}
        table.add_column(Text(title), no_wrap=title == "id", justify="right" if right else "left")
    for leader in leaders:
        size = format_bytes(int(leader.size_bytes)) if isinstance(leader.size_bytes, int | float) else "-"
        latency = f"{leader.latency_ms:.3g} ms" if isinstance(leader.latency_ms, int | float) else "-"
        facts = (f"{leader.value:.6g}", describe_gain(leader.gain), size, latency)
        row = (str(leader.rank), leader.job.id, one_line(leader.job.name, most=60), *facts)
        table.add_row(*map(Text, row))
    return table
