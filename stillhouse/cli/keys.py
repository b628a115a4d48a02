"""`key`: API keys, made, listed and revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import describe_time, note, say, say_json, say_table
from stillhouse.client import Client
from stillhouse.display import one_line

key = typer.Typer(help="API keys.", no_args_is_help=True)

_DAY_S = 24 * 3600


@key.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call it.", show_default=False)],
    *,
    scopes: Annotated[
        list[str], typer.Option("--scope", help="jobs:read, jobs:write, artifacts:read or admin; may be repeated.")
    ],
    project: Annotated[str | None, typer.Option("--project", help="The one project that it may see.")] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Days until it ends by itself.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make a key and print what its owner sends; it cannot be read again."""
    with Client(url) as client:
        made = client.create_key(name, scopes, project=project, expires_in_s=days and days * _DAY_S)
    if as_json:
        say_json(made.as_document())
        return
    say(made.secret or "")
    note(f"{made.id}: keep it; its owner sets STILLHOUSE_API_KEY, or sends `Authorization: Bearer sh_…`")


@key.command("ls")
def list_keys(as_json: AsJson = False, url: Url = None) -> None:
    """List keys, the newest first."""
    with Client(url) as client:
        found = list(client.keys())
    if as_json:
        say_json([each.as_document() for each in found])
        return
    table = Table("key", "name", "begins", "scopes", "project", "last used", "ends", box=None)
    for each in found:
        end = "revoked" if each.revoked_at else _tell(each.expires_at)
        scopes, project = ", ".join(each.scopes), each.project or "all"
        table.add_row(each.id, Text(one_line(each.name)), each.prefix, scopes, project, _tell(each.last_used_at), end)
    say_table(table)


def _tell(moment: datetime | None) -> str:
    return "never" if moment is None else describe_time(moment)


@key.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Id of the key.", show_default=False)],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """End a key for good, and the browsers that it signed in."""
    with Client(url) as client:
        client.revoke_key(key_id)
    say_json({"id": key_id, "revoked": True}) if as_json else say(f"{key_id} is revoked")
