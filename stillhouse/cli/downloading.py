"""`download`: bringing artifacts here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from stillhouse.cli.options import AsJson, JobId, Url
from stillhouse.cli.output import note, notes, say, say_json
from stillhouse.client import Artifact, Client


def download(
    job_id: JobId,
    kind: Annotated[
        str, typer.Option("--kind", help="student, onnx, torch_export, card, curves, metrics, spec, all.")
    ] = "student",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder; this folder if left out.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Download a job's files, checked by their sha256; a download that was cut goes on."""
    with Client(url) as client:
        wanted = client.artifacts(job_id) if kind == "all" else [client.find_artifact(job_id, kind)]
        if kind == "all" and out:
            out.mkdir(parents=True, exist_ok=True)
        places = [(artifact, fetch(client, artifact, out)) for artifact in wanted]
    for artifact, path in places:
        if as_json:
            say_json({**artifact.as_document(), "path": str(path)})
            continue
        say(f"{artifact.sha256}  {path}")
        if artifact.kind == "student":
            note(f"load it with: {describe_loading(path)}")


def fetch(client: Client, artifact: Artifact, out: Path | None) -> Path:
    """Download one artifact under a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=notes, disable=not notes.is_terminal) as progress:
        task = progress.add_task(artifact.name, total=artifact.size)
        return client.download(
            artifact, out, report=lambda here, total: progress.update(task, completed=here, total=total)
        )


def describe_loading(path: Path) -> str:
    """Return the line of Python that loads a student."""
    return f'from distill_core.weights import load_student; model = load_student("{path}")'
