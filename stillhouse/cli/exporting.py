"""`export`, `exports`: students in forms that run without Stillhouse."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from stillhouse.cli.failure import FAILED
from stillhouse.cli.options import AsJson, JobId, Url
from stillhouse.cli.output import describe_time, note, say, say_json, say_table
from stillhouse.client import Client, Export
from stillhouse.display import one_line


def export(
    job_id: JobId,
    form: Annotated[str, typer.Option("--format", help="onnx, or torch_export (a program of torch.export).")] = "onnx",
    *,
    until: Annotated[
        str | None, typer.Option("--until", metavar="PLACE", help="End at this place of the student; the whole one.")
    ] = None,
    opset: Annotated[
        int | None, typer.Option("--opset", help="Version of ONNX's operator set; the exporter's own.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for it; the exit code is 0 only if it was made.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Let a worker export the student of a finished job; prints the export's id, with --wait the artifact's."""
    with Client(url) as client:
        asked = client.export(job_id, form, until=until, opset=opset)
        if wait and not asked.is_done:
            client.wait(asked.id)
            [asked] = [each for each in client.exports(job_id) if each.id == asked.id]
    if as_json:
        say_json(asked.as_document())
    else:
        _say_export(asked, wait=wait)
    if wait and asked.artifact_id is None:
        raise typer.Exit(FAILED)


def exports(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """List the exports of a job that were asked for."""
    with Client(url) as client:
        found = client.exports(job_id)
    if as_json:
        say_json([each.as_document() for each in found])
    elif found:
        say_table(_build_table(found))
    else:
        note(f"no exports; ask for one with `stillhouse export {job_id} --format onnx`")


def _say_export(asked: Export, *, wait: bool) -> None:
    """Print the id of what was made, or of the export that is to make it."""
    if asked.artifact_id is not None:
        say(asked.artifact_id if wait else asked.id)
        note(f"made; download it with `stillhouse download {asked.job_id} --kind {asked.format}`")
        return
    if not wait:
        say(asked.id)
    note(_describe(asked))
    if not asked.is_done:
        note(f"`stillhouse wait {asked.id}` waits for it, `stillhouse exports {asked.job_id}` tells its artifact")
    elif asked.state != "succeeded":
        note(f"`stillhouse logs {asked.id}` tells more; `stillhouse retry {asked.id}` tries again")


def _build_table(found: list[Export]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("id", "format", "until", "opset", "state", "artifact", "asked"):
        table.add_column(column, no_wrap=column in {"id", "artifact"}, overflow="fold")
    for each in found:
        place, opset = one_line(each.until or "-"), str(each.opset or "-")
        row = (each.id, each.format, place, opset, _describe(each), each.artifact_id or "-")
        table.add_row(*map(Text, (*row, describe_time(each.created_at))))
    return table


def _describe(asked: Export) -> str:
    """Return in words how an export stands."""
    reason = f" ({asked.status_reason})" if asked.status_reason else ""
    message = f": {one_line(asked.status_message, most=1000)}" if asked.status_message else ""
    return f"{asked.state}{reason}{message}"
