"""`stillhouse server`: uvicorn in this process, from its socket to its clean end."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn

from distill_core.errors import StillhouseError
from distill_core.spec.catalog import load_catalog
from server.app import create_app
from server.jobs.database import Database
from server.local_key import prepare_local_key
from server.logs import configure_logging
from server.migrate import prepare_schema
from server.service import Service
from server.settings import Settings, UnworkableSettingsError, check_settings, is_loopback

_GRACE_S = 2
_SWITCH_S = 0.0005
"""Seconds that a thread may compute while others have an answer of the database to take; Python's own are ten times as
many, and a thread that holds a lock of the database would let all others wait for them."""


def serve(settings: Settings, *, announce: Callable[[str], None] | None = None) -> int:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: of the service.
        announce: called with the server's address once it answers; prints it if left out.

    Returns:
        The exit code: 0 after a clean end, 1 when the server could not start.
    """
    configure_logging(settings.log_format)
    os.umask(0o077)
    try:
        check_settings(settings)
        check_listening(settings)
        database = Database(settings)
        prepare_schema(database, settings)
        prepare_local_key(database, settings)
        database.dispose()
        listener = _listen(settings)
    except StillhouseError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  a command's last word
        return 1
    _survive_signals()
    sys.setswitchinterval(_SWITCH_S)
    config = uvicorn.Config(
        create_app(settings), access_log=False, log_config=None, timeout_graceful_shutdown=_GRACE_S, server_header=False
    )
    server = _Server(config, settings, announce or _print_address)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def check_listening(settings: Settings) -> None:
    """Refuse what a server cannot listen with.

    Raises:
        UnworkableSettingsError: says what to set.
    """
    is_redis = not settings.broker_url.startswith("filesystem:")
    if is_redis and settings.sqlite_file is not None and not is_loopback(settings.host):
        raise UnworkableSettingsError(
            f"listening on {settings.host} with Redis means several hosts, and SQLite serves one: set "
            "STILLHOUSE_DATABASE_URL=postgresql://…, or STILLHOUSE_HOST=127.0.0.1"
        )
    if not settings.allowed_hosts:
        raise UnworkableSettingsError(
            "STILLHOUSE_ALLOWED_HOSTS is empty, so that no request could be answered: name the hosts, or set '[\"*\"]'"
        )


class _Server(uvicorn.Server):
    """Announces itself when it answers, and ends open streams before it waits for connections."""

    def __init__(self, config: uvicorn.Config, settings: Settings, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._settings, self._announce = settings, announce
        self._note = settings.home_folder / "server.json"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit or not sockets:
            return
        _settle_heap()
        url = _address(self._settings.host, sockets[0].getsockname()[1])
        _write_note(self._note, url)
        self._announce(url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        service: Service = self.config.app.state.service  # type: ignore[union-attr]  # our own FastAPI application
        service.streams.close()
        _remove_note(self._note)
        await super().shutdown(sockets)


def _settle_heap() -> None:
    """Let the garbage collector never look again at what lives as long as the process: classes, routes, the catalog.

    A full collection of all that takes a fifth of a second, in which no request is answered, and long answers make
    enough objects to cause one.
    """
    load_catalog()
    gc.collect()
    gc.freeze()


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise UnworkableSettingsError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; set STILLHOUSE_PORT "
            "(0 takes a free one) or STILLHOUSE_HOST"
        ) from error
    # asyncio does this for sockets that it makes itself. Without it an answer in two pieces, head and body, waits 40 ms
    # for the client's acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(host: str, port: int) -> str:
    """Return the address that a browser on this machine opens."""
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  compared, not bound
    name = wildcards.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def _write_note(note: Path, url: str) -> None:
    """Tell the command line on this machine where the server is."""
    fresh = note.with_suffix(".tmp")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"pid": os.getpid(), "url": url}, file)
    fresh.replace(note)


def _remove_note(note: Path) -> None:
    """Take the note away, unless another server has written its own by now."""
    try:
        if json.loads(note.read_text())["pid"] == os.getpid():
            note.unlink()
    except (OSError, ValueError, KeyError):
        return


def _survive_signals() -> None:
    """Let the process live after uvicorn has ended: it raises the signal that ended it once more."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)


def _print_address(url: str) -> None:
    print(f"Stillhouse answers at {url}", flush=True)  # noqa: T201  what the command is for
