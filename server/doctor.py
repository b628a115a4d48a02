"""`stillhouse doctor`: looks at everything that the service needs on this machine, and says what to do about it.

It changes nothing but a probe that it puts into the artifact store and removes again.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from celery.exceptions import OperationalError
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from distill_core.errors import StillhouseError
from server.artifacts import ArtifactStore
from server.jobs.database import Database, now
from server.jobs.tables import Worker
from server.jobs.workers import is_live
from server.migrate import read_head, read_revision
from server.mounts import NETWORK, find_filesystem
from server.readiness import MIN_FREE_BYTES, check_broker
from server.settings import Settings, check_settings

Level = Literal["ok", "warn", "fail"]

_SKEW_WARN_S, _SKEW_FAIL_S = 2.0, 30.0
_TORCH_S = 180.0
_TORCH = (
    "import json, torch; gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0; "
    "print(json.dumps({'version': torch.__version__, 'gpus': gpus}))"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at one thing has shown.

    Attributes:
        name: what was looked at.
        level: ok; warn, if the service works but not as it could; fail, if it does not.
        message: what was seen.
        advice: what to do about it, where there is something to do.
    """

    name: str
    level: Level
    message: str
    advice: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at one thing after the other; what goes wrong on the way is a finding, too."""
    for name, look in _LOOKS.items():
        try:
            yield look(name, settings)
        except (StillhouseError, SQLAlchemyError, OperationalError, OSError, sqlite3.Error) as error:
            words = (str(error).splitlines() or [type(error).__name__])[0][:300]
            yield Finding(name, "fail", words, _ADVICE.get(name))


def _look_at_settings(name: str, settings: Settings) -> Finding:
    check_settings(settings)
    return Finding(name, "ok", f"home {settings.home_folder}, pool {settings.pool}")


def _look_at_home(name: str, settings: Settings) -> Finding:
    home = settings.home_folder
    if not home.exists():
        return Finding(name, "warn", f"{home} is not there yet", "the first `stillhouse up` makes it")
    if not os.access(home, os.W_OK | os.X_OK):
        return Finding(name, "fail", f"{home} cannot be written by this user", "chown it, or set STILLHOUSE_HOME")
    open_ones = [path for path in (home, *sorted(home.iterdir())) if path.lstat().st_mode & 0o077]
    if open_ones:
        names = " ".join(map(str, open_ones[:5]))
        return Finding(name, "warn", f"others on this machine may read {names}", f"chmod go= {names}")
    return Finding(name, "ok", f"{home} and what lies in it is for its owner alone")


def _look_at_database(name: str, settings: Settings) -> Finding:
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        return Finding(name, "warn", f"there is no {settings.sqlite_file} yet", "`stillhouse db upgrade` makes it")
    with _open_database(settings) as database:
        revision, head = read_revision(database), read_head()
        if revision != head:
            seen = f"the schema is at revision {revision or 'none'}; this version needs {head}"
            return Finding(name, "fail", seen, "stop the service, back up, then `stillhouse db upgrade`")
        with database.read() as session:
            if not database.is_sqlite:
                return Finding(name, "ok", f"{session.scalar(text('SELECT version()'))}; revision {revision}")
            mode = session.scalar(text("PRAGMA journal_mode"))
    seen = f"SQLite {sqlite3.sqlite_version}, journal {mode}, revision {revision}"
    if mode != "wal":
        return Finding(name, "fail", seen, "WAL was refused: put the database on a local disk")
    return Finding(name, "ok", seen)


def _look_at_clock(name: str, settings: Settings) -> Finding:
    if settings.sqlite_file is not None:
        return Finding(name, "ok", "SQLite uses this machine's clock")
    with _open_database(settings) as database, database.read() as session:
        before = datetime.now(UTC)
        theirs = now(session)
        skew_s = (theirs - before).total_seconds()
    level: Level = "fail" if abs(skew_s) > _SKEW_FAIL_S else "warn" if abs(skew_s) > _SKEW_WARN_S else "ok"
    advice = None if level == "ok" else "leases run on the database's clock; let NTP set both"
    return Finding(name, level, f"the database's clock is {skew_s:+.1f} s from this machine's", advice)


def _look_at_broker(name: str, settings: Settings) -> Finding:
    if settings.broker_url.startswith("filesystem:") and not settings.home_folder.exists():
        return Finding(name, "ok", "files below the home folder, made by the first start")
    ok, message = check_broker(settings)
    return Finding(name, "ok" if ok else "fail", message, None if ok else _ADVICE[name])


def _look_at_artifacts(name: str, settings: Settings) -> Finding:
    store = ArtifactStore(settings)
    with TemporaryDirectory() as folder:
        probe = Path(folder) / "probe"
        probe.write_bytes(b"stillhouse doctor " + os.urandom(16))
        blob = store.put_file(probe)
        same = store.read(blob.sha256) == probe.read_bytes()
    store.delete(blob.sha256)
    if not same or store.exists(blob.sha256):
        seen = f"{settings.artifact_address} does not keep or delete what it is given"
        return Finding(name, "fail", seen, _ADVICE[name])
    kind = None if "://" in settings.artifact_address else find_filesystem(Path(settings.artifact_address))
    place = f"{settings.artifact_address}, on {kind}" if kind in NETWORK else settings.artifact_address
    return Finding(name, "ok", f"{place}: written, read and deleted")


def _look_at_disk(name: str, settings: Settings) -> Finding:
    folders = [settings.home_folder, settings.data_folder, settings.cache_folder]
    if "://" not in settings.artifact_address:
        folders.append(Path(settings.artifact_address).expanduser().resolve())
    free = {folder: shutil.disk_usage(_nearest(folder)).free for folder in folders}
    fullest = min(folders, key=lambda folder: free[folder])
    seen = f"{free[fullest] / 2**30:.1f} GiB are free for {fullest}"
    if free[fullest] < MIN_FREE_BYTES:
        return Finding(name, "fail", seen, "make room: below 256 MiB the server is not ready")
    if free[fullest] < 20 * MIN_FREE_BYTES:
        return Finding(name, "warn", seen, "checkpoints and stored teacher outputs need more")
    return Finding(name, "ok", seen)


def _look_at_workers(name: str, settings: Settings) -> Finding:
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        return Finding(name, "warn", "no worker was ever here", _ADVICE[name])
    with _open_database(settings) as database, database.read() as session:
        live = is_live(now(session), settings.lease_ttl_s)
        query = select(Worker.pool, func.count()).where(live).group_by(Worker.pool).order_by(Worker.pool)
        pools = [f"{count} in pool {pool}" for pool, count in session.execute(query)]
    if not pools:
        return Finding(name, "warn", "no worker was heard of lately", _ADVICE[name])
    return Finding(name, "ok", f"workers that live: {', '.join(pools)}")


def _look_at_torch(name: str, _settings: Settings) -> Finding:
    """Import torch in a process of its own: neither server nor worker ever does."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _TORCH], capture_output=True, text=True, timeout=_TORCH_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding(name, "warn", f"importing PyTorch took longer than {_TORCH_S:.0f} s", _ADVICE[name])
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300]
        return Finding(name, "warn", f"PyTorch cannot be imported here: {why}", _ADVICE[name])
    found = json.loads(done.stdout.splitlines()[-1])
    return Finding(name, "ok", f"PyTorch {found['version']}, {found['gpus']} GPUs")


def _look_at_port(name: str, settings: Settings) -> Finding:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        seen = f"{settings.host} port {settings.port}: {error.strerror}"
        if (settings.home_folder / "server.json").exists():
            return Finding(name, "ok", f"{seen}; a server of this home runs")
        return Finding(name, "warn", seen, "if that is no Stillhouse server, set STILLHOUSE_PORT (0 takes a free one)")
    return Finding(name, "ok", f"{settings.host} port {settings.port} is free")


@contextmanager
def _open_database(settings: Settings) -> Iterator[Database]:
    database = Database(settings)
    try:
        yield database
    finally:
        database.dispose()


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


_LOOKS: dict[str, Callable[[str, Settings], Finding]] = {
    "settings": _look_at_settings,
    "home": _look_at_home,
    "database": _look_at_database,
    "clock": _look_at_clock,
    "broker": _look_at_broker,
    "artifacts": _look_at_artifacts,
    "disk": _look_at_disk,
    "port": _look_at_port,
    "workers": _look_at_workers,
    "torch": _look_at_torch,
}
_ADVICE = {
    "database": "start it, or set STILLHOUSE_DATABASE_URL",
    "clock": "start the database, or set STILLHOUSE_DATABASE_URL",
    "broker": "start Redis, or set STILLHOUSE_BROKER_URL",
    "artifacts": "give this user the right to write there, or set STILLHOUSE_ARTIFACT_ROOT",
    "workers": "jobs wait without one: `stillhouse up`, or `stillhouse worker`",
    "torch": "a worker needs it: pip install 'stillhouse[engine]'; a server alone does not",
}
