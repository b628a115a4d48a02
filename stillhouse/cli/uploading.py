"""`upload` brings a file to the server; `uploads` lists and removes what was brought."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import describe_time, note, notes, say, say_json, say_table
from stillhouse.client import Client, Upload
from stillhouse.display import format_bytes, one_line

uploads = typer.Typer(help="Files that were uploaded.", no_args_is_help=True)


class Kind(StrEnum):
    """What an uploaded file holds."""

    WEIGHTS = "weights"
    DATASET = "dataset"
    SPEC = "spec"


USES = {
    Kind.WEIGHTS: "a spec takes it as: weights: {{upload: {id}}}",
    Kind.DATASET: "a spec takes it as: data: {{train: {{dataset: image_folder, upload: {id}}}}}",
    Kind.SPEC: "submit it with: stillhouse submit {id}",
}
"""What an upload is good for."""


def upload(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Weights as safetensors, a data set as zip or tar, a spec as YAML or JSON.",
        ),
    ],
    kind: Annotated[Kind, typer.Option("--kind", help="What it holds.")] = Kind.WEIGHTS,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Upload a file that specs can name, or a spec; an upload that was cut goes on."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Client(url) as client, Progress(*columns, console=notes, disable=not notes.is_terminal) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        done = client.upload(
            file, kind.value, report=lambda here, total: progress.update(task, completed=here, total=total)
        )
    if as_json:
        say_json(done.as_document())
        return
    say(done.id)
    note(USES[kind].format(id=done.id))


@uploads.command("ls")
def list_uploads(as_json: AsJson = False, url: Url = None) -> None:
    """List uploads, the newest first."""
    with Client(url) as client:
        found = list(client.uploads())
    if as_json:
        say_json([each.as_document() for each in found])
        return
    if not found:
        note("nothing was uploaded yet")
        return
    table = Table("id", "kind", "name", "size", "state", "announced", box=None, pad_edge=False)
    for each in found:
        size, moment = format_bytes(each.size), describe_time(each.created_at)
        table.add_row(each.id, each.kind, Text(one_line(each.name)), size, _describe(each), moment)
    say_table(table)


@uploads.command()
def rm(
    upload_id: Annotated[str, typer.Argument(metavar="UPLOAD", help="Id of the upload.", show_default=False)],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Remove an upload; it stays while jobs that are not over read it."""
    with Client(url) as client:
        client.remove_upload(upload_id)
    say_json({"id": upload_id, "deleted": True}) if as_json else say(f"{upload_id} is removed")


def _describe(upload: Upload) -> str:
    """Return an upload's state, and how much of it is here while it is on its way."""
    return upload.state if upload.state == "complete" else f"{upload.state}, {format_bytes(upload.offset)} here"
