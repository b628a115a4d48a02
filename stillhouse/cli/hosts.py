"""`workers`, `drain`, `undrain`: the hosts that execute jobs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import describe_time, note, say, say_json, say_table
from stillhouse.client import Client, Worker

WorkerId = Annotated[str, typer.Argument(metavar="WORKER", help="Id of the worker.", show_default=False)]


def workers(as_json: AsJson = False, url: Url = None) -> None:
    """List the hosts that execute jobs."""
    with Client(url) as client:
        found = client.workers()
    if as_json:
        say_json([worker.as_document() for worker in found])
    elif found:
        say_table(_build_table(found))
    else:
        note("no workers; start one with `stillhouse worker`")


def drain(
    worker_id: WorkerId,
    *,
    now: Annotated[bool, typer.Option("--now", help="Save what it runs, and let it go on elsewhere.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Give a worker no more jobs; what it runs goes on to its end."""
    with Client(url) as client:
        _say_worker(client.drain(worker_id, now=now), as_json=as_json)


def undrain(worker_id: WorkerId, as_json: AsJson = False, url: Url = None) -> None:
    """Let a worker get jobs again."""
    with Client(url) as client:
        _say_worker(client.undrain(worker_id), as_json=as_json)


def _say_worker(worker: Worker, *, as_json: bool) -> None:
    if as_json:
        say_json(worker.as_document())
    else:
        say(f"{worker.id}  {_describe(worker)}")


def _build_table(workers: list[Worker]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("id", "host", "state", "devices", "heard"):
        table.add_column(column, no_wrap=True)
    for worker in workers:
        devices = f"{_count_held(worker)} of {len(worker.devices)} held"
        table.add_row(worker.id, worker.host, _describe(worker), devices, describe_time(worker.heartbeat_at))
    return table


def _describe(worker: Worker) -> str:
    """Return in words how a worker stands."""
    if not worker.is_live:
        return "stopped" if worker.stopped_at else "silent"
    if not worker.is_draining:
        return "live"
    held = _count_held(worker)
    return f"draining, {held} device{'s' if held != 1 else ''} held" if held else "drained"


def _count_held(worker: Worker) -> int:
    return sum(device.get("job_id") is not None for device in worker.devices)
