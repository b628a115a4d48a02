"""`demo`: everything once, from the first job to a verdict."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stillhouse.cli.options import AsJson
from stillhouse.cli.output import say_json
from stillhouse.cli.services import load_part

Data = StrEnum("Data", ["digits", "fashion_mnist"])


def demo(
    *,
    data: Annotated[Data, typer.Option("--data", help="Data set.")] = Data.digits,
    home: Annotated[Path, typer.Option("--home", help="Folder of the demo's database and artifacts.")] = Path(
        ".cache/demo"
    ),
    output: Annotated[Path, typer.Option("--output", help="Folder that the student goes to.")] = Path("demo-output"),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the dashboard; 0 takes a free one.")] = 0,
    serve: Annotated[
        bool | None,
        typer.Option(
            "--serve/--no-serve",
            help="Keep the dashboard open; yes on a terminal, unless JSON is wanted.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a teacher, distil a student and a control from it, download the student and check it."""
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=120)
    run_demo = load_part("stillhouse.demo", "run_demo")
    keep_serving = console.is_terminal and not as_json if serve is None else serve
    outcome = run_demo(data.value, home, output, port, keep_serving=keep_serving, console=console)
    if as_json:
        say_json(outcome)
