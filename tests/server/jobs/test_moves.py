from __future__ import annotations

import pytest
from sqlalchemy import update

from server.jobs.database import change_rows
from server.jobs.moves import move_job
from server.jobs.states import GRANTED, LEASED, MOVES, TERMINAL, VERBS, Reason, State, Verb, sources_of
from server.jobs.tables import Device, Job
from server.jobs.verbs import cancel_job, retry_job
from tests.server.jobs.ground import Ground


def _put(ground: Ground, job_id: str, state: State) -> None:
    with ground.database.write() as session:
        change_rows(session, update(Job).where(Job.id == job_id).values(state=state))


def test_every_listed_move_happens_with_its_event_and_every_other_one_is_refused(ground: Ground) -> None:
    job_id = ground.submit()
    for source in State:
        for target in State:
            _put(ground, job_id, source)
            before = len(ground.events(job_id))
            with ground.database.write() as session:
                moved = move_job(session, job_id, target, actor="user")
            assert moved is (target in MOVES[source]), f"{source} -> {target}"
            assert ground.job(job_id).state == (target if moved else source)
            assert len(ground.events(job_id)) == before + moved


def test_a_move_from_a_state_that_the_table_does_not_know_is_an_error(ground: Ground) -> None:
    job_id = ground.submit()
    with ground.database.write() as session, pytest.raises(ValueError, match="no job goes from paused to succeeded"):
        move_job(session, job_id, State.SUCCEEDED, actor="user", sources={State.PAUSED})


def test_a_move_under_another_token_changes_nothing(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        assert not move_job(session, claim.job_id, State.RUNNING, token=claim.token + 1, actor=claim.worker_id)
    assert ground.job(claim.job_id).state == State.STARTING


def test_a_move_that_ends_the_lease_frees_the_devices(ground: Ground) -> None:
    claim = ground.start_job()
    assert ground.holders() == [claim.job_id]
    with ground.database.write() as session:
        move_job(session, claim.job_id, State.QUEUED, reason=Reason.PREEMPTED, token=claim.token, actor="user")
    assert ground.holders() == [None]
    assert ground.job(claim.job_id).lease_owner is None
    with ground.database.read() as session:
        assert session.get_one(Device, (claim.worker_id, 0)).token is None


def test_a_move_back_to_the_queue_is_told_by_its_reason(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        move_job(session, claim.job_id, State.QUEUED, reason=Reason.WORKER_LOST, token=claim.token, actor="reconciler")
    assert [event.type for event in ground.events(claim.job_id)] == ["submitted", "starting", "worker_lost"]


@pytest.mark.parametrize("verb", Verb)
def test_a_verb_asks_for_nothing_that_the_table_of_moves_refuses(verb: Verb) -> None:
    assert all(target in MOVES[source] for source, target in VERBS[verb].items())
    assert not GRANTED[verb] & VERBS[verb].keys()


def test_a_job_back_in_the_queue_waits_from_then_on_and_owes_nothing_to_earlier_wishes(ground: Ground) -> None:
    job_id = ground.submit()
    first = ground.job(job_id).queued_at
    with ground.database.write() as session:
        cancel_job(session, job_id, "user")
        retry_job(session, job_id, "user")
    job = ground.job(job_id)
    assert first is not None
    assert job.queued_at is not None
    assert job.queued_at > first
    assert (job.finished_at, job.cancel_requested_at) == (None, None)


def test_terminal_states_are_left_by_retry_only() -> None:
    assert {target for state in TERMINAL for target in MOVES[state]} == {State.QUEUED}
    assert not TERMINAL & LEASED


def test_every_state_but_the_first_can_be_reached() -> None:
    assert all(sources_of(state) for state in State)
