"""`upload`: bringing a file to the server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import note, notes, say, say_json
from stillhouse.client import Client


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
