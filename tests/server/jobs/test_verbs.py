from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from server.jobs.attempts import Ending
from server.jobs.database import change_rows
from server.jobs.errors import MoveRefusedError, UnknownJobError
from server.jobs.finish import Outcome, finish
from server.jobs.ids import new_id
from server.jobs.lease import Claim
from server.jobs.loss import MAX_LOSSES, lose_attempt
from server.jobs.record import add_blob
from server.jobs.states import GRANTED, VERBS, Reason, State, Verb
from server.jobs.tables import Checkpoint, Job
from server.jobs.verbs import cancel_job, pause_job, resume_job, retry_job
from tests.server.jobs.ground import Ground

ASK: dict[Verb, Callable[[Session, str, str], Job]] = {
    Verb.CANCEL: cancel_job,
    Verb.PAUSE: pause_job,
    Verb.RESUME: resume_job,
    Verb.RETRY: retry_job,
}


def _put(ground: Ground, job_id: str, state: State) -> None:
    with ground.database.write() as session:
        change_rows(session, update(Job).where(Job.id == job_id).values(state=state))


def _save_checkpoint(ground: Ground, claim: Claim, step: int) -> None:
    with ground.database.write() as session:
        add_blob(session, "0" * 64, 1)
        checkpoint = {"job_id": claim.job_id, "attempt": claim.attempt, "stage": "train", "token": claim.token}
        session.add(Checkpoint(id=new_id("ckpt"), step=step, sha256="0" * 64, created_at=func.now(), **checkpoint))


def _fail(ground: Ground, claim: Claim) -> None:
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.FAILED, Ending(Reason.NAN_LOSS), "the loss is NaN"))


def _count_checkpoints(ground: Ground) -> int:
    with ground.database.read() as session:
        return session.scalar(select(func.count()).select_from(Checkpoint)) or 0


@pytest.mark.parametrize("verb", Verb)
def test_a_verb_moves_a_job_as_its_table_says_and_is_refused_elsewhere(ground: Ground, verb: Verb) -> None:
    job_id = ground.submit()
    for state in State:
        _put(ground, job_id, state)
        before = len(ground.events(job_id))
        with ground.database.write() as session:
            if state in VERBS[verb] or state in GRANTED[verb]:
                ASK[verb](session, job_id, "user")
            else:
                with pytest.raises(MoveRefusedError, match=f"is {state}: it cannot {verb}"):
                    ASK[verb](session, job_id, "user")
        assert ground.job(job_id).state == VERBS[verb].get(state, state)
        assert len(ground.events(job_id)) == before + (state in VERBS[verb])


def test_a_refusal_names_what_the_job_would_take(ground: Ground) -> None:
    job_id = ground.submit()
    with ground.database.write() as session, pytest.raises(MoveRefusedError) as refusal:
        pause_job(session, job_id, "user")
    assert refusal.value.allowed == (Verb.CANCEL,)


def test_a_job_lost_while_it_pauses_rests(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        pause_job(session, claim.job_id, "user")
        lose_attempt(session, claim.job_id, reason=Reason.WORKER_LOST, message="gone", actor="reconciler")
    assert (ground.job(claim.job_id).state, ground.holders()) == (State.PAUSED, [None])


def test_a_job_that_succeeds_while_it_pauses_has_succeeded(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        pause_job(session, claim.job_id, "user")
        assert finish(session, claim, Outcome(State.SUCCEEDED, Ending(exit_code=0))) == State.SUCCEEDED


def test_a_job_that_is_cancelled_while_it_pauses_is_cancelled(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        pause_job(session, claim.job_id, "user")
        cancel_job(session, claim.job_id, "user")
        assert finish(session, claim, Outcome(State.PAUSED, Ending(Reason.USER_PAUSED))) == State.CANCELLED


def test_a_paused_job_is_given_no_device_until_it_is_resumed(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        pause_job(session, claim.job_id, "user")
        finish(session, claim, Outcome(State.PAUSED, Ending(Reason.USER_PAUSED)))
    assert ground.assign() == 0
    with ground.database.write() as session:
        resume_job(session, claim.job_id, "user")
    assert ground.assign() == 1
    assert ground.job(claim.job_id).attempt == 2


def test_a_retry_is_the_same_job_with_all_its_restarts_and_its_checkpoints(ground: Ground) -> None:
    claim = ground.start_job()
    _save_checkpoint(ground, claim, 5)
    _fail(ground, claim)
    with ground.database.write() as session:
        change_rows(session, update(Job).values(num_restarts=3))
        job = retry_job(session, claim.job_id, "user")
    assert (job.state, job.status_reason, job.status_message) == ("queued", "user_retried", None)
    assert (job.num_restarts, job.attempt, _count_checkpoints(ground)) == (0, 1, 1)
    assert ground.assign() == 1


def test_a_retry_from_the_start_forgets_the_checkpoints(ground: Ground) -> None:
    claim = ground.start_job()
    _save_checkpoint(ground, claim, 5)
    _fail(ground, claim)
    with ground.database.write() as session:
        retry_job(session, claim.job_id, "user", from_start=True)
    assert _count_checkpoints(ground) == 0
    assert ground.events(claim.job_id)[-1].data["from_start"] is True


def test_a_refused_retry_forgets_no_checkpoint(ground: Ground) -> None:
    claim = ground.start_job()
    _save_checkpoint(ground, claim, 5)
    with ground.database.write() as session:
        assert retry_job(session, claim.job_id, "user", from_start=True).state == State.STARTING
    assert _count_checkpoints(ground) == 1


def test_losses_before_a_retry_are_not_held_against_the_job(ground: Ground) -> None:
    ground.announce()
    job_id = ground.submit()

    def lose() -> State | None:
        ground.assign()
        with ground.database.write() as session:
            return lose_attempt(session, job_id, reason=Reason.WORKER_LOST, message="gone", actor="reconciler")

    assert [lose() for _ in range(MAX_LOSSES)][-1] == State.FAILED
    with ground.database.write() as session:
        retry_job(session, job_id, "user")
    assert lose() == State.QUEUED


def test_a_queued_job_is_cancelled_at_once(ground: Ground) -> None:
    job_id = ground.submit()
    with ground.database.write() as session:
        job = cancel_job(session, job_id, "user")
    assert (job.state, job.status_reason) == ("cancelled", "user_cancelled")
    assert job.finished_at is not None
    ground.announce()
    assert ground.assign() == 0


def test_a_running_job_is_asked_first_and_asking_again_changes_nothing(ground: Ground) -> None:
    claim = ground.start_job()
    for _ in range(2):
        with ground.database.write() as session:
            assert cancel_job(session, claim.job_id, "user").state == State.CANCELLING
    assert [event.type for event in ground.events(claim.job_id)].count("cancelling") == 1


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
def test_a_job_that_is_over_refuses_and_says_where_it_stands(ground: Ground, state: State) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        finish(session, claim, Outcome(state, Ending(Reason.EXIT_CODE if state is State.FAILED else None)))
    with ground.database.write() as session, pytest.raises(MoveRefusedError, match=f"is {state}: it cannot cancel"):
        cancel_job(session, claim.job_id, "user")


def test_a_job_that_nobody_knows_is_an_error(ground: Ground) -> None:
    with ground.database.write() as session, pytest.raises(UnknownJobError, match="job_nobody"):
        cancel_job(session, "job_nobody", "user")
