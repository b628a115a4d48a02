"""The command line: every command under its name."""

from __future__ import annotations

import typer

from stillhouse.cli.auditing import audit
from stillhouse.cli.caches import cache
from stillhouse.cli.catalog import datasets, methods, models, recipes, schema, validate
from stillhouse.cli.comparing import compare, diff
from stillhouse.cli.demo import demo
from stillhouse.cli.downloading import download
from stillhouse.cli.exporting import export, exports
from stillhouse.cli.hosts import drain, undrain, workers
from stillhouse.cli.importing import import_file
from stillhouse.cli.jobs import artifacts, attempts, checkpoints, get, manifest, queue, wait
from stillhouse.cli.keys import key
from stillhouse.cli.listing import ls
from stillhouse.cli.local import check, run
from stillhouse.cli.projects import project
from stillhouse.cli.ranking import gain, leaderboard
from stillhouse.cli.records import events, logs, metrics
from stillhouse.cli.services import db, doctor, server, up, worker
from stillhouse.cli.submitting import submit
from stillhouse.cli.sweeps import sweep
from stillhouse.cli.uploading import upload, uploads
from stillhouse.cli.verbs import cancel, clone, edit, pause, resume, retry, rm
from stillhouse.cli.watching import watch
from stillhouse.cli.webhooks import webhook

app = typer.Typer(
    name="stillhouse",
    help="Knowledge distillation as a service: submit experiments, watch them, download students.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

GROUPS = {
    "Jobs": (submit, watch, ls, get, compare, diff, gain, leaderboard, queue, wait, edit),
    "What jobs wrote down": (
        logs,
        events,
        metrics,
        attempts,
        checkpoints,
        artifacts,
        manifest,
        download,
        export,
        exports,
    ),
    "What jobs are asked": (cancel, pause, resume, retry, clone, rm),
    "Files": (upload,),
    "What specs may say": (methods, models, datasets, recipes, schema, validate, check),
    "Without a server": (run,),
    "The service": (up, server, doctor, demo, workers, drain, undrain, audit),
}

SUBCOMMANDS = {"worker": worker, "db": db, "key": key, "project": project, "webhook": webhook, "cache": cache}

worker.command("ls")(workers)
worker.command("drain")(drain)
worker.command("undrain")(undrain)
for group, commands in GROUPS.items():
    for command in commands:
        app.command(rich_help_panel=group)(command)
app.add_typer(uploads, name="uploads", rich_help_panel="Files")
app.command("import", rich_help_panel="What specs may say")(import_file)
app.add_typer(sweep, name="sweep", rich_help_panel="Sweeps")
for name, part in SUBCOMMANDS.items():
    app.add_typer(part, name=name, rich_help_panel="The service")
