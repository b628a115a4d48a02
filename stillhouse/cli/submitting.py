"""`submit`: handing in an experiment."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from distill_core.errors import SpecError
from distill_core.spec import check
from stillhouse.cli.options import AsJson, Labels, Overrides, Url
from stillhouse.cli.output import describe_range, describe_state, note, say, say_json
from stillhouse.cli.spec_input import is_upload, read_labels, read_spec
from stillhouse.cli.watching import watch_job
from stillhouse.client import Client, Range


def submit(
    spec: Annotated[
        str,
        typer.Argument(metavar="SPEC", help="YAML or JSON file, or an upload of one (upl_…); - reads standard input."),
    ],
    *,
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option("--name", help="Title of the job; the spec's if left out.")] = None,
    labels: Labels = None,
    priority: Annotated[int | None, typer.Option("--priority", help="Jobs of a higher one start first.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch the job until it is done.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of it; submit nothing.")] = False,
    local: Annotated[bool, typer.Option("--local/--no-local", help="Check the spec here before it is sent.")] = True,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Submit an experiment spec; prints the job's id."""
    is_uploaded = is_upload(spec)
    if is_uploaded and overrides:
        message = "an uploaded spec is taken as it is; change the file and upload it anew"
        raise typer.BadParameter(message, param_hint="--set")
    document: Any = None if is_uploaded else _read_checked(spec, overrides, is_checked=local)
    with Client(url) as client:
        submitted = client.find_upload(spec) if is_uploaded else document
        if dry_run:
            say_dry_run(client.try_out(submitted, priority=priority or 0), as_json=as_json)
            return
        job = client.submit(submitted, name=name, labels=read_labels(labels), priority=priority)
        if as_json:
            say_json(job.as_document())
        else:
            say(job.id)
            note(f"{describe_state(job)}; see it at {client.url}/jobs/{job.id}")
        if follow:
            watch_job(client, job, as_json=as_json)


def _read_checked(spec: str, overrides: list[str] | None, *, is_checked: bool) -> Any:
    """Return the spec of a file.

    Raises:
        SpecError: it is none, or has problems.
    """
    document = read_spec(spec, overrides)
    problems = check(document) if is_checked else []
    if problems:
        raise SpecError(problems)
    return document


def say_dry_run(found: dict[str, Any], *, as_json: bool) -> None:
    """Print what would become of a submission."""
    if as_json:
        say_json(found)
        return
    cost, caches = found["cost"], found["cache"]
    seconds = None if cost["seconds"] is None else Range.model_validate(cost["seconds"])
    measured = f"measured on {cost['num_runs']} runs ({cost['basis']})" if seconds else "nothing like it was measured"
    say(f"steps    {cost['steps'] or '?'}")
    say(f"samples  {cost['samples'] or '?'}")
    say(f"takes    {describe_range(seconds)}, {measured}")
    say(f"place    {found['place_in_queue']}")
    for stage in (stage for stage in caches if stage["state"] is not None):
        say(f"cache    {stage['stage']}: {stage['state']}")
    for warning in found["warnings"]:
        note(f"warning: {warning['pointer']}: {warning['message']}")
