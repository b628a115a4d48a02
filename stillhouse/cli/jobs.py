"""`get`, `wait`, `attempts`, `checkpoints`, `artifacts`, `manifest`, `queue`: jobs, alone and all together."""

from __future__ import annotations

from typing import Annotated

import typer

from stillhouse.cli.failure import FAILED
from stillhouse.cli.options import AsJson, JobId, Url
from stillhouse.cli.output import (
    build_artifact_table,
    build_checkpoint_table,
    build_queue_table,
    describe_state,
    note,
    say,
    say_job,
    say_json,
    say_table,
)
from stillhouse.client import Client


def get(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a job."""
    with Client(url) as client:
        job = client.job(job_id)
    if as_json:
        say_json(job.as_document())
    else:
        say_job(job)


def wait(
    job_id: JobId,
    timeout_s: Annotated[float | None, typer.Option("--timeout", min=0, help="Give up after so many seconds.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Wait until a job is done; the exit code is 0 only if it succeeded."""
    with Client(url) as client:
        job = client.wait(job_id, timeout_s=timeout_s)
    if as_json:
        say_json(job.as_document())
    else:
        say(describe_state(job))
    if not job.has_succeeded:
        raise typer.Exit(FAILED)


def attempts(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """List the executions of a job."""
    with Client(url) as client:
        found = client.attempts(job_id)
    if as_json:
        say_json([attempt.as_document() for attempt in found])
        return
    for attempt in found:
        say("  ".join(f"{key}={value}" for key, value in attempt.as_document().items() if value is not None))


def checkpoints(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """List the points that a job may be resumed from."""
    with Client(url) as client:
        found = client.checkpoints(job_id)
    if as_json:
        say_json([checkpoint.as_document() for checkpoint in found])
    elif found:
        say_table(build_checkpoint_table(found))
    else:
        note("no checkpoints yet")


def manifest(job_id: JobId, url: Url = None) -> None:
    """Print what a finished job was made from, as JSON."""
    with Client(url) as client:
        say_json(client.manifest(job_id))


def queue(
    pool: Annotated[str | None, typer.Option("--pool", help="Pool of workers; the server's own.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show who runs, who waits, and until when probably."""
    with Client(url) as client:
        entries = client.queue(pool=pool)
    if as_json:
        say_json([entry.as_document() for entry in entries])
    elif entries:
        say_table(build_queue_table(entries))
    else:
        note("nobody runs or waits")


def artifacts(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """List the files that a job made."""
    with Client(url) as client:
        found = client.artifacts(job_id)
    if as_json:
        say_json([artifact.as_document() for artifact in found])
    elif found:
        say_table(build_artifact_table(found))
    else:
        note("no artifacts yet")
