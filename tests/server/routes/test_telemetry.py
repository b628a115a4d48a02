from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text, update

from server.jobs.database import change_rows, now
from server.jobs.loss import lose_attempt
from server.jobs.states import Reason
from server.jobs.tables import Device, Worker
from server.jobs.tally import Spread
from server.jobs.verbs import cancel_job
from tests.server.house import House, open_house, open_served_house, sign

TOKEN = "a token of some length"


def read(house: House, metric: str, /, **labels: str) -> float | None:
    """Scrape, and return the sample of these labels."""
    answer = house.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == metric and labels.items() <= sample.labels.items():
                return float(sample.value)
    return None


@pytest.fixture
def ready_stores(ready_stores: dict[str, str]) -> Mapping[str, str]:
    """Stores of a service whose metrics ask for a token, since the test's client has no address."""
    return ready_stores | {"STILLHOUSE_METRICS_TOKEN": TOKEN}


@pytest.fixture
def scraped(house: House) -> House:
    house.client.headers["authorization"] = f"Bearer {TOKEN}"
    return house


def test_jobs_are_counted_by_state(scraped: House) -> None:
    assert read(scraped, "stillhouse_jobs", state="queued") == 0
    job_ids = [scraped.ground.submit() for _ in range(3)]
    with scraped.ground.database.write() as session:
        cancel_job(session, job_ids[0], "user")
    assert read(scraped, "stillhouse_jobs", pool="default", state="queued") == 2
    assert read(scraped, "stillhouse_jobs", pool="default", state="cancelled") == 1
    assert read(scraped, "stillhouse_jobs", pool="default", state="running") == 0


def test_waits_durations_and_losses_are_counted_once_over_scrapes(scraped: House) -> None:
    assert read(scraped, "stillhouse_lease_lost_total") is None
    claim = scraped.start_job()
    scraped.start_run(claim)
    scraped.succeed(claim)
    lost = scraped.restart_job(scraped.ground.submit())
    with scraped.ground.database.write() as session:
        lose_attempt(session, lost.job_id, reason=Reason.WORKER_LOST, message="gone", actor="test")
    for _ in range(2):
        assert read(scraped, "stillhouse_queue_wait_seconds_count", pool="default") == 2
        assert read(scraped, "stillhouse_job_duration_seconds_count", pool="default", state="succeeded") == 1
        assert read(scraped, "stillhouse_lease_lost_total", pool="default") == 1


def test_workers_tell_how_long_they_were_silent_and_what_gpus_they_have(scraped: House) -> None:
    worker_id = scraped.ground.announce(2)
    with scraped.ground.database.write() as session:
        change_rows(session, update(Worker).values(heartbeat_at=now(session) - timedelta(seconds=100)))
        first = (Device.worker_id == worker_id, Device.index == 0)
        change_rows(session, update(Device).where(*first).values(kind="cuda", name="H100", memory_bytes=80 * 2**30))
    silence = read(scraped, "stillhouse_worker_last_heartbeat_seconds", worker=worker_id)
    assert silence is not None
    assert 100 <= silence < 160
    assert read(scraped, "stillhouse_gpu_memory_bytes", worker=worker_id, device="0", name="H100") == 80 * 2**30
    assert read(scraped, "stillhouse_gpu_memory_bytes", device="1") is None


def test_requests_are_counted_by_the_template_of_their_route(scraped: House) -> None:
    headers = sign(scraped.service)
    for name in ("job_a", "job_b"):
        assert scraped.client.get(f"/v1/jobs/{name}", headers=headers).status_code == 404
    scraped.client.get("/no/such/page")
    labels = {"method": "GET", "route": "/v1/jobs/{job_id}"}
    assert read(scraped, "stillhouse_http_requests_total", **labels, status="404") == 2
    assert read(scraped, "stillhouse_http_request_seconds_count", **labels) == 2
    assert "/no/such" not in scraped.client.get("/metrics").text


def test_a_database_that_is_away_is_told(scraped: House) -> None:
    assert read(scraped, "stillhouse_database_up") == 1
    with scraped.ground.database.write() as session:
        session.execute(text("ALTER TABLE workers RENAME TO elsewhere"))
    assert read(scraped, "stillhouse_database_up") == 0


@pytest.mark.parametrize("given", [None, "Bearer ", "Bearer something else", TOKEN])
def test_a_wrong_token_is_refused(tmp_path: Path, given: str | None) -> None:
    headers = {} if given is None else {"authorization": given}
    with open_house({"STILLHOUSE_HOME": str(tmp_path), "STILLHOUSE_METRICS_TOKEN": TOKEN}) as house:
        refused = house.client.get("/metrics", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "metrics_forbidden")


def test_without_a_token_this_machine_alone_may_read(tmp_path: Path) -> None:
    with open_house({"STILLHOUSE_HOME": str(tmp_path / "a")}) as house:
        assert house.client.get("/metrics").status_code == 403  # the client that has no address
    with open_served_house({"STILLHOUSE_HOME": str(tmp_path / "b")}) as house:
        assert house.client.get("/metrics").status_code == 200
        with house.client.stream("GET", "/v1/stream") as stream:
            lines = stream.iter_lines()  # held: when it goes, the stream is closed
            assert next(lines) == "retry: 1000"
            assert read(house, "stillhouse_streams_open") == 1


def test_every_server_process_tells_what_has_happened_in_all(scraped: House, ready_stores: Mapping[str, str]) -> None:
    assert read(scraped, "stillhouse_queue_wait_seconds_count", pool="default") is None
    scraped.start_run(scraped.start_job())
    with open_house(ready_stores) as other:
        other.client.headers["authorization"] = f"Bearer {TOKEN}"
        assert read(other, "stillhouse_queue_wait_seconds_count", pool="default") == 1
        other.ground.announce()
        lost = other.restart_job(other.ground.submit())
        with other.ground.database.write() as session:
            lose_attempt(session, lost.job_id, reason=Reason.WORKER_LOST, message="gone", actor="test")
        for house in (scraped, other, scraped):
            assert read(house, "stillhouse_queue_wait_seconds_count", pool="default") == 2
            assert read(house, "stillhouse_lease_lost_total", pool="default") == 1
    assert read(scraped, "stillhouse_queue_wait_seconds_bucket", pool="default", le="+Inf") == 2


def test_a_wait_is_counted_in_the_bucket_of_its_length() -> None:
    spread = Spread()
    for seconds in (0.5, 1.0, 1.1, 10**9):
        spread.add(seconds)
    buckets = dict(spread.buckets())
    assert (buckets["1.0"], buckets["5.0"], buckets["604800.0"], buckets["+Inf"]) == (2, 3, 3, 4)
    assert spread.total_s == pytest.approx(10**9 + 2.6)
