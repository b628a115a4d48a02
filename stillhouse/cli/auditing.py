"""`audit`: who wrote what."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import describe_time, note, say_json, say_table
from stillhouse.client import AuditEntry, Client
from stillhouse.display import one_line


def audit(
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="KEY", help="Only what the key of this id did.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List who wrote what, when and from where, the newest first; it takes a key with the scope admin."""
    with Client(url) as client:
        found = list(islice(client.audit(actor=actor), limit))
    if as_json:
        say_json([entry.as_document() for entry in found])
    elif found:
        say_table(_build_table(found))
    else:
        note("nobody has written anything" if actor is None else f"{actor} has written nothing")


def _build_table(entries: list[AuditEntry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("time", "actor", "action", "target", "from"):
        table.add_column(column, no_wrap=column in {"time", "actor"}, overflow="fold")
    for entry in entries:
        facts = (entry.actor, entry.action, one_line(entry.target or "-"), one_line(entry.address or "-"))
        table.add_row(*map(Text, (describe_time(entry.created_at), *facts)))
    return table
