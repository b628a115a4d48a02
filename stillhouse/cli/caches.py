"""`cache`: stored teacher outputs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import describe_time, note, say, say_json, say_table
from stillhouse.client import CacheEntry, Client
from stillhouse.display import format_bytes, format_duration

cache = typer.Typer(help="Stored teacher outputs.", no_args_is_help=True)


@cache.command("ls")
def list_entries(as_json: AsJson = False, url: Url = None) -> None:
    """List stored teacher outputs, and what reading them has saved."""
    with Client(url) as client:
        found, totals = list(client.caches()), client.cache_totals()
    if as_json:
        say_json({"totals": totals.as_document(), "entries": [each.as_document() for each in found]})
        return
    if not found:
        note("no teacher outputs are stored")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("key", "folder", "state", "size", "reads", "saved", "used"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            each.key,
            Text(each.root),
            _describe(each),
            format_bytes(each.size),
            str(each.num_hits),
            format_duration(each.saved_s),
            describe_time(each.used_at),
        )
    say_table(table)
    note(f"{totals.num_entries} in all: {format_bytes(totals.size)}, {format_duration(totals.saved_s)} saved")


@cache.command()
def rm(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of the entry.", show_default=False)],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Ask for stored teacher outputs to be removed; a worker does so once no run uses them."""
    with Client(url) as client:
        doomed = client.remove_cache(key)
    if as_json:
        say_json([each.as_document() for each in doomed])
    else:
        say(f"{key}: to be removed from {len(doomed)} folder{'s' if len(doomed) > 1 else ''}")


def _describe(entry: CacheEntry) -> str:
    if entry.delete_requested_at:
        return "to be removed"
    return "ready" if entry.is_ready else "being stored"
