"""`up`, `server`, `worker`, `db`, `doctor`: the service itself. What they need is imported when they are called."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from stillhouse.cli.failure import WRONG_INPUT
from stillhouse.cli.options import AsJson, Home, ParentPid
from stillhouse.cli.output import note, say, say_json
from stillhouse.client import PartMissingError
from stillhouse.display import format_bytes
from stillhouse.parent import follow_parent

if TYPE_CHECKING:
    from server.settings import Settings
    from stillhouse.up import Ready

Host = Annotated[str | None, typer.Option("--host", envvar="STILLHOUSE_HOST", help="Address to listen on.")]
Port = Annotated[
    int | None, typer.Option("--port", envvar="STILLHOUSE_PORT", min=0, max=65535, help="Port; 0 takes a free one.")
]
Slots = Annotated[
    int | None,
    typer.Option("--worker-slots", envvar="STILLHOUSE_WORKER_SLOTS", min=1, help="Jobs at a time; GPUs, else 1."),
]
JsonLog = Annotated[bool, typer.Option("--json", help="Log JSON lines, as STILLHOUSE_LOG_FORMAT=json does.")]

db = typer.Typer(help="The database.", no_args_is_help=True)
worker = typer.Typer(
    help="Execute jobs on this machine; or look at the workers of a server.", invoke_without_command=True
)


def up(
    *,
    home: Home = None,
    host: Host = None,
    port: Port = None,
    worker_slots: Slots = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the dashboard in a browser.")] = False,
    as_json: AsJson = False,
    parent_pid: ParentPid = None,
) -> None:
    """Start server, worker and dashboard on this machine; Ctrl-C stops them and saves running jobs."""
    follow_parent(parent_pid)
    settings = read_settings(home=home, host=host, port=port, worker_slots=worker_slots)
    run_service = load_part("stillhouse.up", "run_service")
    tell = note if as_json else say

    def announce(ready: Ready) -> None:
        if as_json:
            say_json(ready.as_document())
            return
        say(f"Dashboard: {ready.page}")
        say(f"home {ready.home}, logs {ready.logs}; stop with Ctrl-C")

    run_service(settings, open_page=open_page, say=tell, announce=announce)


def server(
    *,
    host: Host = None,
    port: Port = None,
    home: Home = None,
    as_json: JsonLog = False,
    parent_pid: ParentPid = None,
) -> None:
    """Serve the API and the dashboard."""
    follow_parent(parent_pid)
    serve = load_part("server.main", "serve")
    settings = read_settings(home=home, host=host, port=port, log_format="json" if as_json else None)
    raise typer.Exit(serve(settings, announce=(lambda url: say_json({"url": url})) if as_json else None))


@worker.callback()
def start_worker(
    context: typer.Context,
    *,
    worker_slots: Slots = None,
    home: Home = None,
    as_json: JsonLog = False,
    parent_pid: ParentPid = None,
) -> None:
    """Execute jobs on this machine; with a command: look at the workers of a server."""
    if context.invoked_subcommand is not None:
        return
    follow_parent(parent_pid)
    run = load_part("worker.main", "run")
    log_format = "json" if as_json else None
    raise typer.Exit(run(read_settings(home=home, worker_slots=worker_slots, log_format=log_format)))


@db.command()
def upgrade(home: Home = None, as_json: AsJson = False) -> None:
    """Bring the database's schema up to date."""
    migrate, database = load_part("server.migrate", "upgrade"), load_part("server.jobs.database", "Database")
    settings = read_settings(home=home)
    settings.home_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    migrate(database(settings), settings)
    if as_json:
        say_json({"revision": _read_revisions(home)[0]})
    else:
        say("the schema is up to date")


@db.command()
def revision(home: Home = None, as_json: AsJson = False) -> None:
    """Print the revision of the database's schema."""
    found = _read_revisions(home)[0]
    say_json({"revision": found}) if as_json else say(found or "none")


@db.command()
def check(home: Home = None, as_json: AsJson = False) -> None:
    """Fail unless the database's schema is the one that this version needs."""
    found, needed = _read_revisions(home)
    if as_json:
        say_json({"revision": found, "needed": needed})
    else:
        say(f"the schema is at revision {found or 'none'}; this version needs {needed}")
    if found != needed:
        raise typer.Exit(1)


@db.command()
def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="File to write; it must not exist.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Copy a SQLite database, also while the service runs; the artifact folder is copied after it."""
    size = load_part("server.backup", "back_up")(read_settings(home=home), file)
    say_json({"file": str(file), "size": size}) if as_json else say(f"{file}: {format_bytes(size)}")


@db.command()
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `backup` wrote.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Bring a copy of a SQLite database back, where there is none now."""
    settings = read_settings(home=home)
    found = load_part("server.backup", "restore")(settings, file)
    if as_json:
        say_json({"file": str(settings.sqlite_file), "revision": found})
    else:
        say(f"{settings.sqlite_file} is at revision {found}")


def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Look at everything that the service needs on this machine; say what is wrong and what to do."""
    findings = []
    for finding in load_part("server.doctor", "examine")(read_settings(home=home)):
        findings.append(finding)
        if not as_json:
            say(f"{finding.level:<5}{finding.name:<10}{finding.message}")
            if finding.advice:
                say(f"{'':<15}-> {finding.advice}")
    if as_json:
        say_json([asdict(finding) for finding in findings])
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def _read_revisions(home: Path | None) -> tuple[str | None, str]:
    """Return the revision of the database, and the one that is needed; a database that is not there has none."""
    settings = read_settings(home=home)
    needed = str(load_part("server.migrate", "read_head")())
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        return None, needed
    database = load_part("server.jobs.database", "Database")(settings)
    return load_part("server.migrate", "read_revision")(database), needed


def read_settings(*, home: Path | None = None, **options: Any) -> Settings:
    """Return the settings of the environment, changed by the options that were given.

    The options are written into the environment as well, since processes that are started from here read it.
    """
    given = {**options, "home": None if home is None else home.expanduser().resolve()}
    for name, value in given.items():
        if value is not None:
            os.environ[f"STILLHOUSE_{name.upper()}"] = str(value)
    settings: Callable[[], Settings] = load_part("server.settings", "Settings")
    try:
        return settings()
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            place = "".join(f"STILLHOUSE_{str(step).upper()}: " for step in problem["loc"][:1])
            note(f"error: {place}{problem['msg'].removeprefix('Value error, ')}")
        raise typer.Exit(WRONG_INPUT) from error


def load_part(module: str, name: str) -> Any:
    """Import a part that the bare client does without.

    Raises:
        PartMissingError: it is not installed.
    """
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise PartMissingError(
            f"{error.name} is not installed here: pip install 'stillhouse[server,worker,engine]'"
        ) from error
