"""How long a page of 50 jobs takes among many, at the top and deep down, through the whole application.

    python benchmarks/page_latency.py --jobs 20000

Ratios matter more than milliseconds: a page deep down should cost what the first one does, and a filter hardly more.
The server is called without a socket; jobs are inserted as plain rows on SQLite, labels and a spec with each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

import structlog
from sqlalchemy import insert
from starlette.testclient import TestClient

from server.app import create_app
from server.jobs.database import Database
from server.jobs.ids import new_id
from server.jobs.states import State
from server.jobs.tables import Job, JobLabel, JobSpec, Project
from server.migrate import upgrade
from server.routes.examples import SPEC
from server.settings import Settings

_START = datetime(2026, 1, 1, tzinfo=UTC)


def fill(database: Database, count: int) -> list[str]:
    """Insert jobs and return their ids, oldest first."""
    states = list(State)
    ids = [new_id("job") for _ in range(count)]
    jobs = [
        {
            "id": job_id,
            "project": "default",
            "name": f"experiment {number}",
            "spec_sha256": "0" * 64,
            "summary": {"student": "resnet8"},
            "state": states[number % len(states)],
            "figures": {"test/accuracy": 0.9},
            "created_at": _START + timedelta(seconds=number),
            "updated_at": _START,
        }
        for number, job_id in enumerate(ids)
    ]
    labels = [
        {"project": "default", "key": "team", "value": str(number % 10), "job_id": job_id}
        for number, job_id in enumerate(ids)
    ]
    with database.write() as session:
        session.execute(insert(Project), [{"id": "default", "created_at": _START}])
        session.execute(insert(Job), jobs)
        session.execute(insert(JobSpec), [{"job_id": job_id, "document": SPEC, "resolved": SPEC} for job_id in ids])
        session.execute(insert(JobLabel), labels)
    return ids


def measure(client: TestClient, address: str, repeats: int) -> dict[str, float]:
    """Return median and 99th percentile of a request in milliseconds."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = client.get(address)
        taken.append((time.perf_counter() - start) * 1000)
        assert len(answer.json()["data"]) == 50, answer.text  # noqa: S101  a benchmark of wrong answers is worth nothing
    return {"median_ms": round(median(taken), 2), "p99_ms": round(quantiles(taken, n=100)[98], 2)}


def main() -> None:
    """Fill a database, measure, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=300)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        app = create_app(settings)
        upgrade(app.state.service.database, settings)
        ids = fill(app.state.service.database, options.jobs)
        addresses = {
            "first page": "/v1/jobs?limit=50",
            "middle": f"/v1/jobs?limit=50&after={ids[len(ids) // 2]}",
            "last page": f"/v1/jobs?limit=50&after={ids[50]}",
            "one state": "/v1/jobs?limit=50&state=running",
            "one label": "/v1/jobs?limit=50&label.team=7",
            "words": "/v1/jobs?limit=50&q=experiment%201",
        }
        with TestClient(app, base_url="http://localhost") as client:
            measure(client, addresses["first page"], 20)
            taken = {name: measure(client, address, options.repeats) for name, address in addresses.items()}
    first = taken["first page"]["median_ms"]
    ratios = {name: round(figures["median_ms"] / first, 2) for name, figures in taken.items()}
    print(json.dumps({"jobs": options.jobs, "requests": taken, "median_to_first_page": ratios}, indent=1))


if __name__ == "__main__":
    main()
