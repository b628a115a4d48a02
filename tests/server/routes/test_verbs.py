from __future__ import annotations

from typing import Any

import pytest

from server.access import Caller, identify
from server.jobs.attempts import Ending
from server.jobs.finish import Outcome, finish
from server.jobs.lease import Claim
from server.jobs.states import Reason, State
from server.scopes import Scope
from tests.server.house import House


def ask(house: House, job_id: str, verb: str, **how: Any) -> Any:
    return house.client.post(f"/v1/jobs/{job_id}/{verb}", **how)


def end(house: House, claim: Claim, target: State, reason: Reason) -> None:
    with house.ground.database.write() as session:
        finish(session, claim, Outcome(target, Ending(reason)))


def test_a_running_job_is_paused_and_resumed(house: House) -> None:
    claim = house.start_job()
    house.start_run(claim)
    paused = ask(house, claim.job_id, "pause")
    assert (paused.status_code, paused.json()["state"], paused.json()["status_reason"]) == (
        202,
        "pausing",
        "user_paused",
    )
    end(house, claim, State.PAUSED, Reason.USER_PAUSED)
    resumed = ask(house, claim.job_id, "resume")
    assert (resumed.status_code, resumed.json()["state"]) == (202, "queued")
    assert house.ground.job(claim.job_id).attempt == 2


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_asking_a_running_job_twice_is_the_same_as_once(house: House, verb: str) -> None:
    claim = house.start_job()
    first, second = ask(house, claim.job_id, verb), ask(house, claim.job_id, verb)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()


def test_a_queued_job_cannot_be_paused_and_says_what_it_can(house: House) -> None:
    job_id = house.ground.submit()
    answer = ask(house, job_id, "pause")
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["state"], problem["allowed"]) == ("move_refused", "queued", ["cancel"])


def test_a_failed_job_is_retried_under_the_same_id(house: House) -> None:
    claim = house.start_job()
    end(house, claim, State.FAILED, Reason.NAN_LOSS)
    answer = ask(house, claim.job_id, "retry")
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (202, claim.job_id, "queued")
    assert answer.json()["finished_at"] is None
    assert house.ground.job(claim.job_id).attempt == 2
    again = ask(house, claim.job_id, "retry", json={"from_start": True})
    assert (again.status_code, again.json()["attempt"]) == (202, 2)


@pytest.mark.parametrize("body", [{"from_start": "yes"}, {"from": 1}, [], 1])
def test_a_retry_with_a_wrong_body_is_refused(house: House, body: object) -> None:
    job_id = house.ground.submit()
    answer = ask(house, job_id, "retry", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body_invalid")


@pytest.mark.parametrize("verb", ["pause", "resume", "retry"])
def test_a_job_that_has_succeeded_takes_no_verb(house: House, verb: str) -> None:
    job_id = house.make_artifact()["job_id"]
    answer = ask(house, job_id, verb)
    assert (answer.status_code, answer.json()["state"], answer.json()["allowed"]) == (409, "succeeded", [])


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry", "clone"])
def test_a_job_of_another_project_is_none_to_this_caller(house: House, verb: str) -> None:
    job_id = house.ground.submit(project="theirs")
    house.client.app.dependency_overrides[identify] = lambda: Caller("key_mine", "mine", frozenset(Scope))  # type: ignore[attr-defined]
    answer = ask(house, job_id, verb)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert house.ground.job(job_id).state == "queued"


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry", "clone"])
def test_a_job_that_does_not_exist_takes_no_verb(house: House, verb: str) -> None:
    assert ask(house, "job_none", verb).status_code == 404


def test_the_states_are_served_as_the_table_has_them(local_house: House) -> None:
    states = {entry["state"]: entry for entry in local_house.client.get("/v1/states").json()["data"]}
    assert list(states) == [str(state) for state in State]
    assert states["running"]["verbs"] == {"cancel": "cancelling", "pause": "pausing"}
    assert states["paused"] == {
        "object": "state",
        "state": "paused",
        "moves": ["queued", "cancelled"],
        "verbs": {"cancel": "cancelled", "resume": "queued"},
        "is_leased": False,
        "is_terminal": False,
    }
