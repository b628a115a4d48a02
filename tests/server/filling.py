"""Jobs and long series in a database, as plain rows: for pages and measurements that need many of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, text

from server.jobs.database import Database
from server.jobs.ids import new_id
from server.jobs.metrics import WIDTHS
from server.jobs.states import State
from server.jobs.tables import Attempt, Job, JobLabel, JobSpec, MetricKey, MetricLatest, Project
from server.routes.examples import SPEC

START = datetime(2026, 1, 1, tzinfo=UTC)


def add_jobs(database: Database, count: int, state: State | None = None) -> list[str]:
    """Insert jobs with spec and label and return their ids, oldest first."""
    states = [state] if state else [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.PAUSED]
    ids = [new_id("job") for _ in range(count)]
    for begin in range(0, count, 5000):
        part = ids[begin : begin + 5000]
        rows = [
            {
                "id": job_id,
                "project": "default",
                "name": f"experiment {begin + number}: resnet20 teaches resnet8 on digits",
                "spec_sha256": "0" * 64,
                "summary": {"student": "resnet8", "teachers": ["resnet20"], "datasets": ["digits"], "methods": ["kd"]},
                "state": states[number % len(states)],
                "figures": {"test/accuracy": 0.9, "test/nll": 0.3},
                "created_at": START + timedelta(seconds=begin + number),
                "updated_at": START,
            }
            for number, job_id in enumerate(part)
        ]
        labels = [{"project": "default", "key": "team", "value": str(n % 3), "job_id": i} for n, i in enumerate(part)]
        with database.write() as session:
            if session.get(Project, "default") is None:
                session.execute(insert(Project), [{"id": "default", "created_at": START}])
            session.execute(insert(Job), rows)
            session.execute(insert(JobSpec), [{"job_id": i, "document": SPEC, "resolved": SPEC} for i in part])
            session.execute(insert(JobLabel), labels)
    return ids


def add_points(database: Database, job_ids: list[str], points: int) -> None:
    """Give each job a series of so many points, with its rollups, as the service would have ingested them."""
    numbers = (
        f"WITH RECURSIVE n(step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM n WHERE step < {points})"
        if database.is_sqlite
        else f"WITH n(step) AS (SELECT generate_series(1, {points}))"
    )
    with database.write() as session:
        known = select(MetricKey.id).where(MetricKey.key == "train/loss")
        if session.scalars(known).one_or_none() is None:
            session.execute(insert(MetricKey), [{"key": "train/loss"}])
        key_id = session.scalars(known).one()
    for job_id in job_ids:
        at = {"job": job_id, "key": key_id, "time": START.isoformat(sep=" ") if database.is_sqlite else START}
        with database.write() as session:
            session.add(
                Attempt(
                    id=new_id("att"),
                    job_id=job_id,
                    number=1,
                    token=1,
                    worker_id="w",
                    devices=[],
                    created_at=START,
                    started_at=START,
                )
            )
            session.execute(
                text(
                    "INSERT INTO metrics (job_id, key_id, step, attempt, cursor, epoch, time, value, kind) "
                    f"{numbers} SELECT :job, :key, step, 1, step, 1.0, :time, (step % 997) / 997.0, NULL FROM n"
                ),
                at,
            )
            for width in WIDTHS:
                session.execute(
                    text(
                        "INSERT INTO metric_rollups "
                        "(job_id, key_id, width, bucket, attempt, count, min, max, last, last_step, time) "
                        f"SELECT job_id, key_id, {width}, step / {width}, 1, count(*), min(value), max(value), "
                        "max(value), max(step), max(time) FROM metrics WHERE job_id = :job AND key_id = :key "
                        f"GROUP BY job_id, key_id, step / {width}"
                    ),
                    at,
                )
            session.add(
                MetricLatest(
                    job_id=job_id,
                    key_id=key_id,
                    project="default",
                    last=0.5,
                    min=0,
                    max=1,
                    last_step=points,
                    count=points,
                )
            )
