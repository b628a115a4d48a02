"""The service with much in it and much asked of it: pages, long series, submissions, streams, starts.

    PYTHONPATH=. python benchmarks/service_load.py --stores postgres --save

A real server process answers over HTTP on loopback; PostgreSQL runs with fsync. `pages` and `series` are measured at a
hundredth of the size and at the whole size, by one warm client, and the ratio is what says whether depth or size
matters. `submissions` come at a fixed rate from threads of this process, each job is looked for afterwards. `streams`
are 500 readers of the hints while events are committed at a fixed rate: delay of each event at each reader, processor
time and memory of the server, and how long it takes to end. `start` is what lies between a submission and the start of
its engine's process on an idle worker.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Self

import httpx
import psutil
import yaml
from pairs import make_parser, report
from sqlalchemy import text, update

from server.jobs.database import Database
from server.jobs.events import append_event
from server.jobs.states import State
from server.jobs.tables import Event, Job
from server.migrate import upgrade
from server.routes.examples import SPEC
from server.settings import Settings
from stillhouse.background import start_service
from stillhouse.client import Client
from tests.server.filling import add_jobs, add_points
from tests.services.postgres import open_postgres
from tests.services.processes import free_port, wait_until_up
from worker.processes import find_marked

PAGE = 50


class Server:
    """A server process on its own stores, and a warm client."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.home = Path(environment["STILLHOUSE_HOME"])
        self.url = f"http://127.0.0.1:{free_port()}"
        log = self.home / "server.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stillhouse", "server", "--port", self.url.rsplit(":", 1)[1]],
                env={**os.environ, **environment, "STILLHOUSE_RATE_LIMIT": "1000000/second"},
                stdout=output,
                stderr=output,
            )
        wait_until_up(self.process, log, lambda: httpx.get(f"{self.url}/readyz").raise_for_status(), httpx.HTTPError)
        self.headers = {"authorization": f"Bearer {(self.home / 'key').read_text().strip()}"}
        self.client = httpx.Client(base_url=self.url, headers=self.headers, timeout=60)
        self.figures = psutil.Process(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:  # something failed
            self.process.kill()
            self.process.wait()

    def spent(self) -> float:
        """Return the processor time of the server so far, in seconds."""
        times = self.figures.cpu_times()
        return times.user + times.system

    def end(self) -> float:
        """End the server and return how long that took, in seconds."""
        self.client.close()
        start = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return time.perf_counter() - start


@contextlib.contextmanager
def open_stores(kind: str) -> Iterator[tuple[dict[str, str], Database]]:
    """Yield the environment of fresh stores and their database, its schema made."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {"STILLHOUSE_HOME": str(home)}
        if kind == "postgres":
            server = stack.enter_context(open_postgres(fsync=True))
            environment["STILLHOUSE_DATABASE_URL"] = stack.enter_context(server.new_database())
        settings = Settings(home=home, database_url=environment.get("STILLHOUSE_DATABASE_URL", ""))
        database = Database(settings)
        upgrade(database, settings)
        yield environment, database
        database.dispose()


def ask(server: Server, address: str, repeats: int, is_good: Callable[[Any], bool]) -> dict[str, float]:
    """Return median and 99th percentile of a request in milliseconds, over a warm connection."""
    taken = []
    for number in range(repeats + 5):
        start = time.perf_counter()
        answer = server.client.get(address).raise_for_status().json()
        if number >= 5:
            taken.append((time.perf_counter() - start) * 1e3)
        if not is_good(answer):
            raise RuntimeError(f"{address} answers {str(answer)[:300]}")
    return {"median_ms": round(median(taken), 2), "p99_ms": round(quantiles(taken, n=100, method="inclusive")[98], 2)}


def measure_reads(kind: str, jobs: int, series: int, points: int, repeats: int) -> dict[str, Any]:
    """Return what pages and a long series take among so many jobs and points."""
    with contextlib.ExitStack() as stack:
        environment, database = stack.enter_context(open_stores(kind))
        ids = add_jobs(database, jobs)
        add_points(database, ids[:series], points)
        if not database.is_sqlite:
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("ANALYZE"))
        server = stack.enter_context(Server(environment))
        pages = {
            "first": f"/v1/jobs?limit={PAGE}",
            "a hundredth down": f"/v1/jobs?limit={PAGE}&after={ids[-jobs // 100]}",
            "halfway down": f"/v1/jobs?limit={PAGE}&after={ids[jobs // 2]}",
            "last": f"/v1/jobs?limit={PAGE}&after={ids[PAGE]}",
            "one state": f"/v1/jobs?limit={PAGE}&state=failed",
            "one label": f"/v1/jobs?limit={PAGE}&label.team=1",
            "words (not indexed)": f"/v1/jobs?limit={PAGE}&q=experiment",
        }
        row = len(server.client.get(pages["first"]).content) / PAGE
        taken = {
            name: ask(server, address, repeats, lambda answer: len(answer["data"]) == PAGE)
            for name, address in pages.items()
        }
        curve = f"/v1/jobs/{ids[0]}/metrics/series?key=train/loss&max_points=2000"
        found = ask(server, curve, repeats, lambda answer: 0 < len(answer["data"][0]["points"]) <= 2000)
        buckets = len(server.client.get(curve).json()["data"][0]["points"])
        server.end()
    return {
        "jobs": jobs,
        "points": series * points,
        "bytes_a_row": round(row),
        "pages": taken,
        "series": {"points": points, "buckets": buckets, **found},
    }


def measure_submissions(kind: str, rate: int, seconds: int, num_servers: int) -> dict[str, Any]:
    """Return what submissions at a fixed rate take, and how many of them are there afterwards.

    Several server processes on the same stores take turns.
    """
    with open_stores(kind) as (environment, _), contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(environment)) for _ in range(num_servers)]
        body = {"spec": SPEC}
        taken: list[float] = []
        answered: list[str] = []
        failed: list[int] = []
        late: list[float] = []
        turn = iter(range(rate * seconds))
        lock = threading.Lock()
        begin = time.perf_counter() + 0.5

        def work(server: Server) -> None:
            with httpx.Client(base_url=server.url, headers=server.headers, timeout=60) as client:
                while True:
                    with lock:
                        number = next(turn, None)
                    if number is None:
                        return
                    due = begin + number / rate
                    time.sleep(max(0.0, due - time.perf_counter()))
                    start = time.perf_counter()
                    job = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": str(number)})
                    if job.is_error:
                        failed.append(job.status_code)
                        continue
                    taken.append((time.perf_counter() - start) * 1e3)
                    late.append(start - due)
                    answered.append(job.json()["id"])

        before = sum(server.spent() for server in servers)
        threads = [threading.Thread(target=work, args=(servers[number % num_servers],)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall, after = time.perf_counter() - begin, sum(server.spent() for server in servers)
        stored = {job["id"] for job in _all_jobs(servers[0])}
        for server in servers:
            server.end()
    return {
        "servers": num_servers,
        "asked_a_second": rate,
        "reached_a_second": round(len(answered) / wall, 1),
        "answered": len(answered),
        "failed": len(failed),
        "lost": len(set(answered) - stored),
        "median_ms": round(median(taken), 2),
        "p99_ms": round(quantiles(taken, n=100, method="inclusive")[98], 2),
        "latest_start_s": round(max(late), 2),
        "core_ms_each": round((after - before) * 1e3 / len(answered), 2),
    }


def _all_jobs(server: Server) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = server.client.get("/v1/jobs", params={"limit": 200, **({"after": after} if after else {})}).json()
        yield from page["data"]
        if not page["has_more"]:
            return
        after = page["last_id"]


def measure_streams(kind: str, readers: int, rate: int, seconds: int) -> dict[str, Any]:
    """Return how late events arrive at many readers, and what that costs the server."""
    with contextlib.ExitStack() as stack:
        environment, database = stack.enter_context(open_stores(kind))
        ids = add_jobs(database, 50, State.RUNNING)
        with database.write() as session:
            session.execute(update(Job).values(lease_token=1, lease_owner="w"))
        server = stack.enter_context(Server(environment))
        sent: dict[int, float] = {}
        writer = threading.Thread(target=_write_events, args=(database, ids, rate, seconds, sent))
        result = asyncio.run(_listen(server, readers, writer, sent))
        stopped = server.end()
    return result | {"readers": readers, "events_a_second": rate, "stop_s": round(stopped, 2)}


def _write_events(database: Database, ids: list[str], rate: int, seconds: int, sent: dict[int, float]) -> None:
    """Commit events in batches of a twentieth of a second, and note when each was."""
    begin, batch = time.perf_counter(), max(1, rate // 20)
    for number in range(seconds * rate // batch):
        time.sleep(max(0.0, begin + number * batch / rate - time.perf_counter()))
        with database.write() as session:
            rows = [append_event(session, ids[(number + k) % len(ids)], "warning", {}, "w").seq for k in range(batch)]
        moment = time.perf_counter()
        sent.update(dict.fromkeys(rows, moment))


async def _listen(server: Server, readers: int, writer: threading.Thread, sent: dict[int, float]) -> dict[str, Any]:
    """Read streams without parsing more than the numbers of events; hints tell the newest of each job."""
    arrived: list[dict[int, float]] = [{} for _ in range(readers)]
    host, port = server.url.removeprefix("http://").split(":")
    request = (
        f"GET /v1/stream HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: {server.headers['authorization']}\r\n\r\n"
    )

    async def read(seen: dict[int, float]) -> None:
        reader, sink = await asyncio.open_connection(host, int(port), limit=2**20)
        sink.write(request.encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"data: ") and b'"kind":"event"' in line:
                    seen[json.loads(line[6:])["cursor"]] = time.perf_counter()
        finally:
            sink.close()

    tasks = [asyncio.create_task(read(seen)) for seen in arrived]
    await asyncio.sleep(5)
    before, start, memory = server.figures.cpu_times(), time.perf_counter(), server.figures.memory_info().rss
    writer.start()
    peak = memory
    while writer.is_alive():
        await asyncio.sleep(0.5)
        peak = max(peak, server.figures.memory_info().rss)
    await asyncio.sleep(2)
    after, wall = server.figures.cpu_times(), time.perf_counter() - start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    delays = sorted(moment - sent[seq] for seen in arrived for seq, moment in seen.items() if seq in sent)
    return {
        "hints": len(delays),
        "delay_median_s": round(median(delays), 3),
        "delay_p99_s": round(delays[int(len(delays) * 0.99)], 3),
        "delay_max_s": round(delays[-1], 3),
        "readers_that_heard_the_last": sum(max(sent) in seen for seen in arrived),
        "core_share": round((after.user + after.system - before.user - before.system) / wall, 3),
        "memory_mib": round(memory / 2**20),
        "memory_peak_mib": round(peak / 2**20),
    }


def measure_start(repeats: int) -> dict[str, Any]:
    """Return what lies between a submission and the start of its engine, on an idle worker, in seconds."""
    spec = yaml.safe_load(Path("examples/digits-control.yaml").read_text())
    spec["stages"][0]["epochs"] = 2
    waits = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with start_service(home) as service, Client(service.url, key=(home / "key").read_text().strip()) as client:
            for _ in range(repeats):
                asked = time.time()
                job = client.submit(spec)
                waits.append(_find_start(home, job.id) - asked)
                client.wait(job.id, poll_s=0.2)
    return {"median_s": round(median(waits), 3), "max_s": round(max(waits), 3), "repeats": repeats}


def _find_start(home: Path, job_id: str) -> float:
    """Return when the engine's process was first seen."""
    installation = (home / "installation.id").read_text().strip()
    while not any(mark.job_id == job_id for _, mark in find_marked(installation)):
        time.sleep(0.01)
    return time.time()


def main() -> None:
    """Measure and print one JSON object."""
    parser = make_parser(__doc__)
    parser.add_argument("--stores", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--part", action="append", choices=("reads", "submissions", "streams", "start"))
    parser.add_argument("--rate", type=int, default=100, help="submissions a second")
    parser.add_argument("--servers", type=int, default=1, help="server processes that take the submissions")
    options = parser.parse_args()
    report(
        options,
        measure(options, set(options.part or ("reads", "submissions", "streams", "start"))),
        name=_name(options),
    )


def _name(options: argparse.Namespace) -> str:
    return f"service_load_{options.stores}"


def measure(options: argparse.Namespace, parts: set[str]) -> dict[str, Any]:
    """Return the figures of the parts that were asked for."""
    small = options.quick
    jobs, series, points, repeats = (20_000, 2, 20_000, 40) if small else (100_000, 10, 1_000_000, 300)
    figures: dict[str, Any] = {"stores": options.stores, "event_rows": Event.__tablename__}
    if "reads" in parts:
        few = measure_reads(options.stores, jobs // 100, 1, points // 100, repeats)
        many = measure_reads(options.stores, jobs, series, points, repeats)
        ratio = {
            name: round(taken["median_ms"] / few["pages"][name]["median_ms"], 2)
            for name, taken in many["pages"].items()
        }
        figures["reads"] = {"small": few, "large": many, "large_to_small_median": ratio}
    if "submissions" in parts:
        figures["submissions"] = measure_submissions(options.stores, options.rate, 3 if small else 30, options.servers)
    if "streams" in parts:
        figures["streams"] = measure_streams(options.stores, 50 if small else 500, 200, 5 if small else 30)
    if "start" in parts:
        figures["start"] = measure_start(2 if small else 7)
    return figures


if __name__ == "__main__":
    main()
