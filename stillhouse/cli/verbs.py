"""`cancel`, `pause`, `resume`, `retry`, `clone`, `edit`, `rm`: what people ask of jobs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stillhouse.cli.options import AsJson, JobId, Labels, Overrides, Url
from stillhouse.cli.output import describe_state, note, say, say_json
from stillhouse.cli.spec_input import read_labels
from stillhouse.client import Client, Job
from stillhouse.overrides import apply_overrides

Name = Annotated[str | None, typer.Option("--name", help="Title of the job.")]
Priority = Annotated[int | None, typer.Option("--priority", help="Jobs of a higher one start first.")]


def cancel(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Cancel a job."""
    with Client(url) as client:
        _say_state(client.cancel(job_id), as_json)


def pause(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Pause a running job: it saves a checkpoint and gives its devices back."""
    with Client(url) as client:
        _say_state(client.pause(job_id), as_json)


def resume(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Resume a paused job from its checkpoint."""
    with Client(url) as client:
        _say_state(client.resume(job_id), as_json)


def retry(
    job_id: JobId,
    from_start: Annotated[bool, typer.Option("--from-start", help="Forget the checkpoints and begin anew.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Run a failed or cancelled job once more, from its last checkpoint."""
    with Client(url) as client:
        _say_state(client.retry(job_id, from_start=from_start), as_json)


def clone(
    job_id: JobId,
    *,
    overrides: Overrides = None,
    name: Name = None,
    labels: Labels = None,
    priority: Priority = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Submit the spec of a job once more, with changes; prints the new job's id."""
    with Client(url) as client:
        patch = _read_patch(client, job_id, overrides) if overrides else None
        job = client.clone(job_id, patch, name=name, labels=read_labels(labels), priority=priority)
    if as_json:
        say_json(job.as_document())
    else:
        say(job.id)
        note(describe_state(job))


def edit(
    job_id: JobId,
    *,
    name: Name = None,
    labels: Labels = None,
    unlabel: Annotated[list[str] | None, typer.Option("--unlabel", metavar="KEY", help="Label to remove.")] = None,
    priority: Priority = None,
    notes: Annotated[str | None, typer.Option("--notes", help="What is worth writing down; empty for none.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Change the name, labels, priority or notes of a job."""
    changes: dict[str, Any] = {"name": name, "priority": priority}
    changes = {key: value for key, value in changes.items() if value is not None}
    if notes is not None:
        changes["notes"] = notes or None
    if labels or unlabel:
        changes["labels"] = (read_labels(labels) or {}) | dict.fromkeys(unlabel or ())
    with Client(url) as client:
        _say_state(client.edit(job_id, **changes), as_json)


def rm(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Delete a job that is over."""
    with Client(url) as client:
        client.delete(job_id)
    say_json({"id": job_id, "deleted": True}) if as_json else note(f"{job_id} is deleted")


def _read_patch(client: Client, job_id: str, overrides: list[str]) -> dict[str, Any]:
    """Return the changes of a job's spec as a merge patch: each part that changed, whole."""
    before = client.job(job_id).spec or {}
    after: dict[str, Any] = apply_overrides(before, overrides)
    return {name: part for name, part in after.items() if part != before.get(name)}


def _say_state(job: Job, as_json: bool) -> None:
    if as_json:
        say_json(job.as_document())
    else:
        say(describe_state(job))
