"""`upload`: bringing a file to the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import note, notes, say, say_json
from stillhouse.client import Client


def upload(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="File of weights, as safetensors.")],
    kind: Annotated[str, typer.Option("--kind", help="What it holds: weights.")] = "weights",
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Upload a file that specs can name; an upload that was cut goes on."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Client(url) as client, Progress(*columns, console=notes, disable=not notes.is_terminal) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        done = client.upload(file, kind, report=lambda here, total: progress.update(task, completed=here, total=total))
    if as_json:
        say_json(done.as_document())
        return
    say(done.id)
    note(f"a spec takes it as: weights: {{upload: {done.id}}}")
