"""Short jobs on three workers while everything around them is killed and frozen at random.

    PYTHONPATH=. python benchmarks/faults.py --save

PostgreSQL, Redis, a server and three workers with a slot each run as processes of their own; jobs are real trainings of
a second, deterministic, with a checkpoint at every step. Every few seconds one of these happens: an engine, a
supervisor, a worker, the server, Redis or PostgreSQL is killed with SIGKILL (PostgreSQL by its immediate shutdown,
which is a crash to it) and started again, or one of them is frozen for a time around the length of a lease. Jobs are
submitted meanwhile, by a client that repeats what was not answered. With `--stores sqlite` it is the service of one
host: SQLite, the filesystem broker, a server and one worker with three slots, whose processes alone are harmed.

What must hold afterwards: every job succeeded, by one event; it has one student, whose bytes are in the store and are
those of an undisturbed run; the API serves every event that the database holds; no process is left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from pairs import make_parser, report
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from distill_core.errors import StillhouseError
from server.artifacts import ArtifactStore
from server.jobs.database import Database
from server.jobs.states import TERMINAL
from server.jobs.tables import Artifact, Attempt, Event, Job
from server.migrate import upgrade
from server.settings import Settings
from stillhouse.client import Client
from tests.services import postgres, redis
from tests.services.processes import free_port
from worker.processes import find_marked

QUICK = {
    "STILLHOUSE_HEARTBEAT_S": "1",
    "STILLHOUSE_LEASE_TTL_S": "6",
    "STILLHOUSE_RECONCILE_S": "1",
    "STILLHOUSE_POLL_S": "0.3",
    "STILLHOUSE_RING_S": "5",
    "STILLHOUSE_REPORT_S": "20",
    "STILLHOUSE_GRACE_S": "10",
    "OMP_NUM_THREADS": "1",
}
SPEC: dict[str, Any] = {
    "version": 1,
    "name": "faults",
    "models": {"student": {"model": "resnet8"}},
    "data": {"train": {"dataset": "digits", "num_samples": 160}},
    "stages": [
        {
            "name": "train",
            "student": "student",
            "train": "train",
            "epochs": 4,
            "batch_size": 32,
            "objective": {"ce": {"method": "ce"}},
            "optimizer": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9},
        }
    ],
    "runtime": {"device": "cpu", "threads": 1, "seed": 5, "checkpoint_interval_s": 0},
    "evaluation": {"latency": False},
    "outputs": {"curves": [], "card": False},
}


class Part:
    """A process that is killed and started again."""

    def __init__(self, name: str, command: list[str], folder: Path, **options: Any) -> None:
        self.name, self._command, self._log, self._options = name, command, folder / f"{name}.log", options
        self.start()

    def start(self) -> None:
        """Start it anew."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, **self._options)

    def revive(self) -> None:
        """Start it again if it has ended by itself, as whatever runs a service does."""
        if self.process.poll() is not None:
            self.start()

    def crash(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it as a crash would, wait a moment, start it again."""
        self.process.send_signal(number)
        self.process.wait()
        time.sleep(0.5)
        self.start()

    def freeze(self, seconds: float) -> None:
        """Stop it and all its children for a time."""
        tree = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for process in tree:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            if number is signal.SIGSTOP:
                time.sleep(seconds)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end."""
        self.process.send_signal(number)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Site:
    """The whole service on one machine, as several hosts would run it."""

    def __init__(self, folder: Path, stores: str) -> None:
        self.folder = folder
        self.postgres: Part | None = None
        self.redis: Part | None = None
        stored = self._start_stores() if stores == "postgres" else {"STILLHOUSE_WORKER_SLOTS": "3"}
        self.environment = {**stored, "STILLHOUSE_ARTIFACT_ROOT": str(folder / "artifacts"), **QUICK}
        named = {
            name.removeprefix("STILLHOUSE_").lower(): value for name, value in stored.items() if name.endswith("_URL")
        }
        home, artifacts = folder / "server-home", str(folder / "artifacts")
        self.settings = Settings(home=home, artifact_root=artifacts, **named)  # type: ignore[arg-type]  # addresses
        self.settings.home_folder.mkdir()
        self.database = Database(self.settings)
        upgrade(self.database, self.settings)
        self.port = free_port()
        self.server = self._start("server", "server-home", "server", "--port", str(self.port))
        homes = ["server-home"] if self.database.is_sqlite else [f"home{number}" for number in range(3)]
        self.workers = [self._start(f"worker{number}", home, "worker") for number, home in enumerate(homes)]
        self.url = f"http://127.0.0.1:{self.port}"
        _wait(lambda: httpx.get(f"{self.url}/readyz").is_success)
        self.key = (self.settings.home_folder / "key").read_text().strip()

    def _start_stores(self) -> dict[str, str]:
        """Start PostgreSQL and Redis; return the settings that name them."""
        postgres_port, redis_port = free_port(), free_port()
        self.postgres = _start_postgres(self.folder, postgres_port)
        options = ["--bind", "127.0.0.1", "--port", str(redis_port), "--save", "", "--dir", str(self.folder)]
        self.redis = Part("redis", [redis.find_program(), *options], self.folder)
        return {
            "STILLHOUSE_DATABASE_URL": f"postgresql://stillhouse@127.0.0.1:{postgres_port}/postgres",
            "STILLHOUSE_BROKER_URL": f"redis://127.0.0.1:{redis_port}/0",
        }

    def _start(self, name: str, home: str, *words: str) -> Part:
        (self.folder / home).mkdir(exist_ok=True)
        environment = {**os.environ, **self.environment, "STILLHOUSE_HOME": str(self.folder / home)}
        return Part(name, [sys.executable, "-P", "-m", "stillhouse", *words], self.folder, env=environment)

    def engines(self) -> list[int]:
        """Return the processes of engines, whichever worker's they are."""
        ids = [path.read_text().strip() for path in self.folder.glob("*home*/installation.id")]
        return [pid for installation in ids for pid, _ in find_marked(installation)]

    def revive(self) -> None:
        """Start what has ended again: a server that starts while its database is frozen gives up."""
        for part in (self.server, *self.workers):
            part.revive()

    def end(self) -> None:
        """End everything."""
        for part in (*self.workers, self.server, *filter(None, [self.redis])):
            part.end()
        self.database.dispose()
        if self.postgres is not None:
            self.postgres.end(signal.SIGINT)


def _start_postgres(folder: Path, port: int) -> Part:
    home = folder / "postgres"
    home.mkdir(mode=0o700)
    binaries, identity = postgres.find_installation(home)
    data = home / "data"
    data.mkdir(mode=0o700)
    if identity:
        for place in (folder, home):
            place.chmod(0o711)
        os.chown(data, identity["user"], identity["group"])
    run: dict[str, Any] = {"cwd": "/", "env": {"LC_ALL": "C", "PATH": os.defpath}, **identity}
    initdb = [str(binaries / "initdb"), "-A", "trust", "-U", "stillhouse", "-E", "UTF8", "-D", str(data)]
    subprocess.run(initdb, check=True, capture_output=True, **run)
    command = [str(binaries / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
    part = Part("postgres", [*command, "-c", "unix_socket_directories="], folder, **run)
    _wait(lambda: postgres.PostgresServer(port).execute("SELECT 1") is None)
    return part


def _wait(probe: Any, limit_s: float = 180.0) -> None:
    deadline = time.monotonic() + limit_s
    while True:
        try:
            if probe():
                return
        except Exception:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def do_harm(site: Site, chance: random.Random) -> str:
    """Do one thing that must not matter, and return its name."""
    kinds = ["engine killed"] * 3 + ["supervisor killed", "worker killed", "server killed"]
    kinds += ["worker frozen", "server frozen"]
    if site.postgres is not None:
        kinds += ["redis killed", "postgres crashed", "redis frozen", "postgres frozen"]
    kind = chance.choice(kinds)
    what, how = kind.split()
    worker = chance.choice(site.workers)
    if what in {"engine", "supervisor"}:
        pids = (
            site.engines()
            if what == "engine"
            else [child.pid for child in psutil.Process(worker.process.pid).children()]
        )
        if pids:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
        return kind if pids else ""
    part = {"worker": worker, "server": site.server, "redis": site.redis, "postgres": site.postgres}[what]
    if part is None:
        raise AssertionError(f"{what} does not run")
    if how == "frozen":
        part.freeze(chance.uniform(0.5, 9.0))
    else:
        part.crash(signal.SIGQUIT if what == "postgres" else signal.SIGKILL)
    return kind


def submit_all(site: Site, count: int, ids: list[str]) -> None:
    """Submit the jobs, a few a second, whatever happens to the server."""
    for number in range(count):
        while True:
            try:
                with Client(site.url, key=site.key, patience_s=120) as client:
                    key = f"fault-{number}"
                    ids.append(client.submit(SPEC, name=key, max_restarts=100, idempotency_key=key).id)
                break
            except StillhouseError as error:
                print(f"submitting {number}: {error}", file=sys.stderr)
                time.sleep(1)
        time.sleep(0.3)


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return what happened and what was found afterwards."""
    site = Site(folder, options.stores)
    chance = random.Random(options.seed)  # noqa: S311  nothing secret
    faults, ids = Counter[str](), list[str]()
    start = time.monotonic()
    submitter = threading.Thread(target=submit_all, args=(site, options.jobs, ids), daemon=True)
    submitter.start()
    while submitter.is_alive() or _count_open(site):
        if time.monotonic() - start > options.limit_s:
            break
        time.sleep(chance.uniform(0.5, 3.0))
        site.revive()
        if faults.total() < options.faults:
            kind = do_harm(site, chance)
            faults.update([kind] if kind else [])
            print(
                f"{time.monotonic() - start:6.0f} s  {faults.total()} faults  {_count_open(site)} open", file=sys.stderr
            )
    wall = time.monotonic() - start
    found = inspect(site, ids)
    site.end()
    return {
        "stores": options.stores,
        "jobs": options.jobs,
        "faults": dict(faults),
        "faults_in_all": faults.total(),
        "wall_s": round(wall),
        **found,
        "processes_left": len(site.engines()),
    }


def _count_open(site: Site) -> int:
    """Return how many jobs are not over; any number while the database is away."""
    try:
        with site.database.read() as session:
            return session.scalar(select(func.count()).where(Job.state.not_in(TERMINAL))) or 0
    except DBAPIError:
        return -1


def inspect(site: Site, ids: list[str]) -> dict[str, Any]:
    """Return what must hold, counted."""
    expected = _undisturbed(site.folder / "undisturbed")
    store = ArtifactStore(site.settings)
    with site.database.read() as session:
        states = Counter(session.scalars(select(Job.state)))
        ends = Counter(session.scalars(select(Event.job_id).where(Event.type.in_(list(TERMINAL)))))
        students = session.execute(select(Artifact.job_id, Artifact.sha256).where(Artifact.kind == "student")).all()
        events = Counter(session.scalars(select(Event.job_id)))
        attempts = session.scalar(select(func.count()).select_from(Attempt)) or 0
        reasons = Counter(session.scalars(select(Attempt.reason)))
    with Client(site.url, key=site.key, patience_s=120) as client:
        served = Counter({job_id: sum(1 for _ in client.events(job_id)) for job_id in events})
    whole = [hashlib.sha256(store.read(digest)).hexdigest() == digest for _, digest in students]
    return {
        "states": dict(states),
        "answered": len(set(ids)),
        "jobs_with_one_end": sum(count == 1 for count in ends.values()),
        "jobs_with_one_student": sum(count == 1 for count in Counter(job for job, _ in students).values()),
        "students_whole": sum(whole),
        "students_equal_to_undisturbed": sum(digest == expected for _, digest in students),
        "events": events.total(),
        "events_served": served.total(),
        "jobs_whose_events_are_all_served": sum(served[job] == count for job, count in events.items()),
        "attempts": attempts,
        "attempts_ended_by": {str(reason): count for reason, count in reasons.items()},
    }


def _undisturbed(folder: Path) -> str:
    """Return the hash of the student of a run without a service."""
    folder.mkdir()
    (folder / "spec.yaml").write_text(json.dumps(SPEC))
    command = [sys.executable, "-P", "-m", "distill_core", "run", str(folder / "spec.yaml"), "--folder", str(folder)]
    subprocess.run(command, check=True, capture_output=True, env=_environment())
    return hashlib.sha256((folder / "artifacts/student.safetensors").read_bytes()).hexdigest()


def _environment() -> Mapping[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stillhouse-faults-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Run and print one JSON object."""
    parser = make_parser(__doc__)
    parser.add_argument("--stores", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit-s", type=float, default=7200.0, help="give up after so many seconds")
    options = parser.parse_args()
    if options.quick:
        options.jobs, options.faults = 6, 4
    with _folder() as folder:
        name = "faults" if options.stores == "postgres" else f"faults_{options.stores}"
        report(options, run(options, folder), name=name)


if __name__ == "__main__":
    main()
