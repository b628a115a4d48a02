"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="STILLHOUSE_URL", help="Address of the server; the one of this machine if left out."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs; streams are JSON lines.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.", show_default=False)]
SpecPath = Annotated[str, typer.Argument(metavar="SPEC", help="YAML or JSON file; - reads standard input.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PLACE=VALUE", help="Change the spec: models.teacher.weights.artifact=art_… ."),
]
Labels = Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Word to find jobs by.")]
AttemptNumber = Annotated[int | None, typer.Option("--attempt", min=1, help="Number of the attempt; the last one.")]
Home = Annotated[
    Path | None,
    typer.Option("--home", envvar="STILLHOUSE_HOME", help="Folder of the database, logs and artifacts."),
]
ParentPid = Annotated[int | None, typer.Option("--parent-pid", hidden=True, help="End when this process is gone.")]
