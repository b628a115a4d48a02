"""An outage of the database never kills an engine; only a very long one stops it, and then it saves first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.jobs.tables import Metric, MetricKey
from server.settings import Settings
from tests.server.jobs.ground import QUICK, Ground, experiment, make_settings
from tests.services.postgres import PostgresServer
from tests.worker.hosting import make_host
from tests.worker.worker_program import STAND_IN
from worker.answer import answer_doorbell


@pytest.fixture
def ground(ready_stores: dict[str, str]) -> Iterator[Ground]:
    """Leases that outlast the outage, so that what is tested is patience."""
    environment = ready_stores | QUICK | {"STILLHOUSE_LEASE_TTL_S": "60", "STILLHOUSE_ISOLATION_LIMIT_S": "4"}
    settings = make_settings(environment)
    database = Database(settings)
    yield Ground(environment, settings, database, Doorbell(settings))
    database.dispose()


@contextmanager
def _outage(server: PostgresServer, settings: Settings) -> Iterator[None]:
    name = settings.database_url.rsplit("/", 1)[1]
    server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    try:
        yield
    finally:
        server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')


def count_losses(ground: Ground, job_id: str) -> int:
    """Return how many steps of the engine the service knows."""
    with ground.database.read() as session:
        of_losses = select(MetricKey.id).where(MetricKey.key == "train/loss").scalar_subquery()
        query = select(func.count()).select_from(Metric).where(Metric.job_id == job_id, Metric.key_id == of_losses)
        return session.scalars(query).one()


@pytest.mark.parametrize("ready_stores", ["postgres+redis"], indirect=True)
@pytest.mark.parametrize(("seconds", "reason"), [(1.5, None), (5.5, "preempted")])
def test_a_short_outage_changes_nothing_and_a_long_one_makes_the_engine_save_and_stop(
    ground: Ground, postgres: PostgresServer, seconds: float, reason: str | None
) -> None:
    host = make_host(ground)
    job_id = ground.submit(experiment(steps=80, step_s=0.1))
    ground.assign()

    def cut() -> None:
        while (ground.job(job_id).step or 0) < 2:
            time.sleep(0.05)
        with _outage(postgres, ground.settings):
            time.sleep(seconds)

    helper = threading.Thread(target=cut)
    helper.start()
    answer_doorbell(ground.settings, host, job_id, lambda: False, STAND_IN)
    helper.join()
    first = ground.attempts(job_id)[0]
    assert (first.reason, first.exit_code) == (reason, 75 if reason else 0)
    if reason is None:
        assert (ground.job(job_id).state, count_losses(ground, job_id)) == ("succeeded", 80)
