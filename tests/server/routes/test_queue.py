from __future__ import annotations

from server.access import Caller, identify
from server.scopes import Scope
from tests.server.house import House


def test_the_queue_shows_who_runs_then_who_waits(house: House) -> None:
    claim = house.start_job()
    waiting = house.ground.submit(name="mine", priority=2)
    holder, entry = house.client.get("/v1/queue").json()["data"]
    assert (holder["job_id"], holder["state"], holder["place"]) == (claim.job_id, "starting", None)
    assert (entry["job_id"], entry["name"], entry["priority"], entry["place"]) == (waiting, "mine", 2, 1)
    assert (entry["num_devices"], entry["waits_for"], entry["starts_in_s"], entry["basis"]) == (
        1,
        "devices that are free",
        None,
        None,
    )
    assert entry["queued_at"].endswith("Z")


def test_a_job_that_was_resumed_says_why_it_waits(house: House) -> None:
    job_id = house.ground.submit()
    house.client.post(f"/v1/jobs/{job_id}/cancel")
    house.client.post(f"/v1/jobs/{job_id}/retry")
    [entry] = house.client.get("/v1/queue").json()["data"]
    assert entry["status_reason"] == "user_retried"


def test_a_long_queue_is_cut_and_says_so(house: House) -> None:
    ids = [house.ground.submit() for _ in range(3)]
    page = house.client.get("/v1/queue?limit=2").json()
    assert ([entry["job_id"] for entry in page["data"]], page["has_more"]) == (ids[:2], True)
    assert house.client.get("/v1/queue?limit=3").json()["has_more"] is False
    assert house.client.get("/v1/queue?pool=elsewhere").json()["data"] == []


def test_a_caller_of_one_project_sees_its_own_jobs_at_their_true_places(house: House) -> None:
    house.ground.submit(project="theirs")
    mine = house.ground.submit(project="mine")
    house.client.app.dependency_overrides[identify] = lambda: Caller("key_mine", "mine", frozenset(Scope))  # type: ignore[attr-defined]
    assert [(entry["job_id"], entry["place"]) for entry in house.client.get("/v1/queue").json()["data"]] == [(mine, 2)]
