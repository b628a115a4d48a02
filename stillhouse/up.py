"""The whole service on one machine: server and worker as watched processes, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import psutil
from filelock import FileLock, Timeout

from distill_core.errors import StillhouseError
from server.jobs.doorbell import empty_mail
from server.settings import Settings
from stillhouse.child import Child
from stillhouse.client import Client, find_key
from stillhouse.parent import adopt_orphans

TICK_S = 0.2
READY_LIMIT_S = 120.0
SERVER_END_S = 15.0

Say = Callable[[str], None]


class AlreadyRunningError(StillhouseError):
    """Another `stillhouse up` holds the home folder."""

    code = "already_running"


class PortTakenError(StillhouseError):
    """Another program listens on the port."""

    code = "port_taken"


class NotReadyError(StillhouseError):
    """The service did not become ready in time."""

    code = "not_ready"


@dataclass(frozen=True, slots=True)
class Ready:
    """What `up` tells when everything runs."""

    url: str
    home: Path
    logs: Path

    @property
    def page(self) -> str:
        """Address that opens the dashboard signed in; what follows the # never leaves the browser."""
        return f"{self.url}/#token={find_key(self.url, home=self.home) or ''}"

    def as_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"url": self.url, "page": self.page, "home": str(self.home), "logs": str(self.logs), "pid": os.getpid()}


class Interrupts:
    """Counts how often this process was asked to end."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, _number: int, _frame: FrameType | None) -> None:
        """Count one request."""
        self.count += 1

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count SIGINT and SIGTERM instead of dying of them."""
        before = {number: signal.signal(number, self.take) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Service:
    """Server and worker of one home.

    Args:
        settings: of both processes.
        port: where the server listens.
        say: prints a line for people.
    """

    def __init__(self, settings: Settings, port: int, say: Say) -> None:
        home = settings.home_folder
        logs = home / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104  compared, not bound
        self.ready = Ready(f"http://{f'[{host}]' if ':' in host else host}:{port}", home, logs)
        environment = {
            "STILLHOUSE_HOME": str(home),
            "STILLHOUSE_HOST": settings.host,
            "STILLHOUSE_PORT": str(port),
            "STILLHOUSE_AUTO_MIGRATE": "true",
            **({"STILLHOUSE_WORKER_SLOTS": str(settings.worker_slots)} if settings.worker_slots else {}),
        }
        self._server = Child("server", ["server"], environment, logs / "server.log")
        self._worker = Child("worker", ["worker"], environment, logs / "worker.log")
        self._grace_s = settings.grace_s
        self._say = say
        self._interrupts = Interrupts()

    def run(self, announce: Callable[[Ready], None]) -> None:
        """Start both, call `announce` when they are ready, watch them until asked to end, and end them.

        Raises:
            ChildFailedError: a process dies again and again.
            NotReadyError: a process lives but does not become ready.
        """
        adopt_orphans()
        with self._interrupts.counted():
            try:
                self._server.start()
                self._wait_until(self._is_server_ready, "server")
                self._worker.start()
                self._wait_until(self._has_worker, "worker")
                if not self._interrupts.count:
                    announce(self.ready)
                while not self._interrupts.count:
                    self._tick()
            finally:
                self._end()

    def _tick(self) -> None:
        for child in (self._server, self._worker):
            line = child.revive()
            if line:
                self._say(line)
        self._reap_orphans()
        time.sleep(TICK_S)

    def _wait_until(self, is_ready: Callable[[], bool], name: str) -> None:
        deadline = time.monotonic() + READY_LIMIT_S
        while not self._interrupts.count and not is_ready():
            if time.monotonic() > deadline:
                raise NotReadyError(f"the {name} is not ready after {READY_LIMIT_S:g} s; see {self.ready.logs}")
            self._tick()

    def _is_server_ready(self) -> bool:
        try:
            return httpx.get(f"{self.ready.url}/readyz", timeout=5.0).is_success
        except httpx.TransportError:
            return False

    def _has_worker(self) -> bool:
        try:
            with Client(self.ready.url, key=find_key(self.ready.url, home=self.ready.home)) as client:
                return any(worker.is_live for worker in client.workers())
        except StillhouseError:
            return False

    def _end(self) -> None:
        """End the worker, so that its jobs are saved, then the server; leave no process behind."""
        if self._worker.pid:
            self._say("stopping: running jobs save a checkpoint and go back to the queue (Ctrl-C again kills them)")
        self._end_child(self._worker, self._grace_s + 30.0)
        self._end_child(self._server, SERVER_END_S)
        for left in psutil.Process().children(recursive=True):
            self._say(f"ending process {left.pid}, which was left behind")
            left.kill()
        self._reap_orphans()
        self._say("stopped")

    def _end_child(self, child: Child, limit_s: float) -> None:
        child.ask_to_end()
        started = told = time.monotonic()
        while child.pid and child.take_exit() is None:
            now = time.monotonic()
            if self._interrupts.count > 1 or now - started > limit_s:
                child.kill()
            elif now - told >= 5:
                told = now
                self._say(f"waiting for the {child.name}: {now - started:.0f} s")
            time.sleep(TICK_S / 2)

    def _reap_orphans(self) -> None:
        """Take the exit codes of adopted processes, which would stay as zombies."""
        known = {self._server.pid, self._worker.pid}
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in known:
                return
            os.waitpid(ended.si_pid, 0)


def run_service(settings: Settings, *, open_page: bool, say: Say, announce: Callable[[Ready], None]) -> None:
    """Run server and worker of a home until Ctrl-C.

    Raises:
        AlreadyRunningError: another `up` holds the home.
        PortTakenError: another program listens on the port that was asked for.
    """
    settings.home_folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def announce_and_open(ready: Ready) -> None:
        announce(ready)
        if open_page:
            webbrowser.open(ready.page)

    with _hold(settings.home_folder):
        empty_mail(settings)
        service = Service(settings, _choose_port(settings, say), say)
        service.run(announce_and_open)


@contextmanager
def _hold(home: Path) -> Iterator[None]:
    lock = FileLock(home / "up.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise AlreadyRunningError(f"`stillhouse up` runs already for {home}: {_read_url(home)}") from error
    try:
        yield
    finally:
        lock.release()


def _read_url(home: Path) -> str:
    try:
        return str(json.loads((home / "server.json").read_text())["url"])
    except (OSError, ValueError, KeyError):
        return "it is still starting"


def _choose_port(settings: Settings, say: Say) -> int:
    """Return the port to listen on, known beforehand so that a server that died comes back at the same address."""
    try:
        return _try_port(settings.host, settings.port)
    except OSError as error:
        if "port" in settings.model_fields_set:
            raise PortTakenError(
                f"port {settings.port} of {settings.host} cannot be had ({error.strerror}); take another with --port"
            ) from error
    port = _try_port(settings.host, 0)
    say(f"port {settings.port} is taken by another program; using {port}")
    return port


def _try_port(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])
