"""`project`: rooms for jobs, with limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import say_json, say_table
from stillhouse.client import Client, Project

project = typer.Typer(help="Rooms for jobs, with limits.", no_args_is_help=True)

ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="Its name.", show_default=False)]
MaxDevices = Annotated[
    int | None, typer.Option("--max-devices", min=0, help="Devices that its jobs may hold at once; no limit.")
]
MaxQueued = Annotated[int | None, typer.Option("--max-queued", min=0, help="Jobs that may wait at once; no limit.")]


@project.command("ls")
def list_projects(as_json: AsJson = False, url: Url = None) -> None:
    """List projects, with their limits and what their jobs take now."""
    with Client(url) as client:
        found = list(client.projects())
    if as_json:
        say_json([each.as_document() for each in found])
    else:
        _say(found)


@project.command()
def create(
    project_id: ProjectId,
    *,
    max_devices: MaxDevices = None,
    max_queued: MaxQueued = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make a project."""
    with Client(url) as client:
        made = client.create_project(project_id, max_devices=max_devices, max_queued=max_queued)
    say_json(made.as_document()) if as_json else _say([made])


@project.command()
def limit(
    project_id: ProjectId,
    *,
    max_devices: MaxDevices = None,
    max_queued: MaxQueued = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Set both limits of a project; one that is left out is none."""
    with Client(url) as client:
        changed = client.limit_project(project_id, max_devices=max_devices, max_queued=max_queued)
    say_json(changed.as_document()) if as_json else _say([changed])


def _say(projects: Sequence[Project]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("project", "devices held", "at most", "jobs waiting", "at most"):
        table.add_column(column, no_wrap=True)
    for each in projects:
        table.add_row(
            each.id,
            str(each.num_devices),
            _show(each.max_devices),
            str(each.num_queued),
            _show(each.max_queued),
        )
    say_table(table)


def _show(limit: int | None) -> str:
    return "no limit" if limit is None else str(limit)
