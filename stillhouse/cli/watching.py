"""`watch`: a job, or all live ones, until they are done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from stillhouse.cli.failure import FAILED
from stillhouse.cli.listing import build_table
from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import describe_event, describe_state, note, notes, read_job, say, say_job, say_json
from stillhouse.client import TERMINAL_STATES, Client, Job, observe
from stillhouse.display import one_line, open_display

LIVE_STATES = ("queued", "starting", "running", "pausing", "cancelling")
LIVE_COLUMNS = ("id", "name", "state", "step", "took", "left")
LOOK_EVERY_S = 1.0


def watch(
    job_id: Annotated[
        str | None,
        typer.Argument(metavar="[JOB]", help="Id of the job; all live ones if left out.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Watch a job, or all live ones, until they are done; for one, the exit code is 0 only if it succeeded."""
    with Client(url) as client:
        if job_id is None:
            watch_all(client, as_json=as_json)
        else:
            watch_job(client, client.job(job_id), as_json=as_json)


def watch_job(client: Client, job: Job, *, as_json: bool) -> None:
    """Show a job until it is done, then leave with the exit code of its end."""
    with open_display(notes) as display:
        for snapshot in observe(client, job.id):
            job = snapshot.job
            if as_json:
                say_json(
                    {
                        "job": job.as_document(),
                        "events": [event.as_document() for event in snapshot.events],
                        "values": snapshot.values,
                    }
                )
                continue
            for event in snapshot.events:
                display.say(describe_event(event))
            display.show(job.name, read_job(job, snapshot.values))
    if not as_json:
        say_job(job)
    if not job.has_succeeded:
        raise typer.Exit(FAILED)


def watch_all(client: Client, *, as_json: bool) -> None:
    """Show every job that waits or runs, those too that come later, until none is left."""
    known: dict[str, Job] = {}
    with _open_table(notes) as table:
        while live := list(client.jobs(state=LIVE_STATES, sort="created_at")):
            gone = [client.job(job_id) for job_id in known.keys() - {job.id for job in live}]
            for job in [*gone, *live]:
                if job.id not in known or known[job.id].state != job.state:
                    say_json(job.as_document()) if as_json else table.tell(job)
            known = {job.id: job for job in live}
            table.show(live)
            time.sleep(LOOK_EVERY_S)
        for job_id in known:
            job = client.job(job_id)
            say_json(job.as_document()) if as_json else table.tell(job)
    if not known and not as_json:
        note("no job waits or runs")


class Board:
    """Lines of the changes, and on a terminal a table below them that is kept up to date."""

    def __init__(self, live: Live | None) -> None:
        self._live = live

    def tell(self, job: Job) -> None:
        """Print a change of a job."""
        line = f"{job.id}  {describe_state(job)}  {one_line(job.name)}"
        if self._live is None:
            say(line)
        elif job.state in TERMINAL_STATES:
            self._live.console.print(line, markup=False, highlight=False)

    def show(self, jobs: list[Job]) -> None:
        """Show where the jobs stand now."""
        if self._live is not None:
            table = build_table(jobs, LIVE_COLUMNS)
            self._live.update(table, refresh=True)


@contextmanager
def _open_table(console: Console) -> Iterator[Board]:
    if not console.is_terminal:
        yield Board(None)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield Board(live)
