from __future__ import annotations

from server.access import Caller, identify
from server.jobs.database import now
from server.jobs.ids import new_id
from server.jobs.record import add_blob
from server.jobs.tables import Checkpoint
from server.scopes import Scope
from tests.server.house import House


def test_the_checkpoints_of_a_job_are_listed_from_the_oldest_with_their_sizes(house: House) -> None:
    claim = house.start_job()
    stored = [house.store(data) for data in (b"one", b"fourteen bytes")]
    house.succeed(claim, *stored[:1])
    with house.ground.database.write() as session:
        for number, blob in enumerate(stored):
            add_blob(session, blob.sha256, blob.size)
            moment = now(session)
            facts = {"job_id": claim.job_id, "attempt": 1, "stage": "train", "token": 1, "created_at": moment}
            session.add(Checkpoint(id=new_id("ckpt"), step=5 * (number + 1), sha256=blob.sha256, **facts))
    page = house.client.get(f"/v1/jobs/{claim.job_id}/checkpoints").json()
    found = [(entry["step"], entry["size"], entry["sha256"], entry["stage"]) for entry in page["data"]]
    assert found == [(5, 3, stored[0].sha256, "train"), (10, 14, stored[1].sha256, "train")]
    assert page["last_id"] == page["data"][-1]["id"]


def test_a_job_that_saved_nothing_has_no_checkpoints(house: House) -> None:
    page = house.client.get(f"/v1/jobs/{house.ground.submit()}/checkpoints").json()
    assert (page["data"], page["last_id"]) == ([], None)


def test_the_checkpoints_of_another_project_are_none_to_this_caller(house: House) -> None:
    job_id = house.ground.submit(project="theirs")
    house.client.app.dependency_overrides[identify] = lambda: Caller("key_mine", "mine", frozenset(Scope))  # type: ignore[attr-defined]
    assert house.client.get(f"/v1/jobs/{job_id}/checkpoints").status_code == 404
