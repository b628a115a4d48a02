"""The command line: every command under its name."""

from __future__ import annotations

import typer

from stillhouse.cli.demo import demo
from stillhouse.cli.downloading import download
from stillhouse.cli.hosts import drain, undrain, workers
from stillhouse.cli.jobs import artifacts, attempts, cancel, get, ls, wait
from stillhouse.cli.keys import key
from stillhouse.cli.local import check, run
from stillhouse.cli.records import events, logs, metrics
from stillhouse.cli.services import db, server, up, worker
from stillhouse.cli.submitting import submit, watch
from stillhouse.cli.uploading import upload

app = typer.Typer(
    name="stillhouse",
    help="Knowledge distillation as a service: submit experiments, watch them, download students.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

GROUPS = {
    "Jobs": (submit, watch, ls, get, logs, events, metrics, attempts, artifacts, download, upload, wait, cancel),
    "Without a server": (check, run),
    "The service": (up, server, worker, demo, workers, drain, undrain),
}

for group, commands in GROUPS.items():
    for command in commands:
        app.command(rich_help_panel=group)(command)
app.add_typer(db, name="db", rich_help_panel="The service")
app.add_typer(key, name="key", rich_help_panel="The service")
