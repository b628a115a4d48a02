from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from server.collector import Collector
from server.jobs.database import change_rows, now
from server.jobs.tables import Blob, Job
from server.settings import Settings
from tests.server.house import House


def make_collector(house: House, **changes: float) -> Collector:
    settings: Settings = house.service.settings.model_copy(update=changes)
    return Collector(house.service.database, house.service.artifacts, house.service.spool, settings)


def test_one_round_removes_old_jobs_and_marks_their_bytes(house: House) -> None:
    artifact = house.make_artifact()
    with house.ground.database.write() as session:
        change_rows(session, update(Job).values(finished_at=now(session) - timedelta(days=3)))
    make_collector(house, retention_days=2.0, deleted_days=0.0).collect()
    assert house.client.get(f"/v1/jobs/{artifact['job_id']}").status_code == 404
    with house.ground.database.read() as session:
        assert list(session.scalars(select(Job.id))) == []
        assert session.scalars(select(Blob.unused_since)).one() is not None
    assert house.service.artifacts.exists(artifact["sha256"])


def test_nothing_is_removed_unless_somebody_says_so(house: House) -> None:
    artifact = house.make_artifact()
    with house.ground.database.write() as session:
        change_rows(session, update(Job).values(finished_at=now(session) - timedelta(days=3000)))
    make_collector(house).collect()
    assert house.client.get(f"/v1/jobs/{artifact['job_id']}").status_code == 200


def test_rounds_keep_their_distance(local_house: House) -> None:
    collector = make_collector(local_house, retention_days=2.0, collect_s=1000.0)
    collector.collect_if_due()
    artifact = local_house.make_artifact()
    with local_house.ground.database.write() as session:
        change_rows(session, update(Job).values(finished_at=now(session) - timedelta(days=3)))
    collector.collect_if_due()
    assert local_house.client.get(f"/v1/jobs/{artifact['job_id']}").status_code == 200
    collector.collect()
    assert local_house.client.get(f"/v1/jobs/{artifact['job_id']}").status_code == 404
