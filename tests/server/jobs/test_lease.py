from __future__ import annotations

import pytest

from server.jobs.attempts import Ending
from server.jobs.errors import LeaseLostError
from server.jobs.finish import Outcome, finish
from server.jobs.lease import Claim, heartbeat, read_orders, take_up, write_guarded
from server.jobs.loss import lose_attempt
from server.jobs.states import Reason, State
from server.jobs.verbs import cancel_job
from tests.server.jobs.ground import Ground


def _lose(ground: Ground, claim: Claim) -> None:
    with ground.database.write() as session:
        lose_attempt(session, claim.job_id, reason=Reason.WORKER_LOST, message="gone", actor="reconciler")


def test_a_doorbell_is_answered_once_and_by_the_right_worker(ground: Ground) -> None:
    worker_id = ground.announce()
    job_id = ground.submit()
    ground.assign()
    with ground.database.write() as session:
        assert take_up(session, "wrk_other", job_id, 3) is None
        claim = take_up(session, worker_id, job_id, 3)
        assert claim is not None
        assert (claim.slots, claim.attempt, claim.token) == ((0,), 1, 1)
        assert claim.resolved["name"] == "a small one"
        assert take_up(session, worker_id, job_id, 3) is None
        assert take_up(session, worker_id, "job_nobody", 3) is None


def test_a_heartbeat_moves_the_expiry(ground: Ground) -> None:
    claim = ground.start_job()
    before = ground.job(claim.job_id).lease_expires_at
    with ground.database.write() as session:
        heartbeat(session, claim, 500)
    after = ground.job(claim.job_id).lease_expires_at
    assert before is not None
    assert after is not None
    assert (after - before).total_seconds() > 400


def test_every_write_of_a_lost_attempt_is_refused(ground: Ground) -> None:
    claim = ground.start_job()
    _lose(ground, claim)
    before = ground.job(claim.job_id)
    with ground.database.write() as session:
        for write in (
            lambda: heartbeat(session, claim, 10),
            lambda: write_guarded(session, claim, step=7),
            lambda: read_orders(session, claim),
            lambda: finish(session, claim, Outcome(State.SUCCEEDED, Ending())),
        ):
            with pytest.raises(LeaseLostError, match="no longer held under token 1"):
                write()
    ground.assign()
    with ground.database.write() as session, pytest.raises(LeaseLostError):
        heartbeat(session, claim, 10)
    after = ground.job(claim.job_id)
    assert (after.step, after.state, after.lease_token) == (before.step, "starting", 2)


def test_a_wish_to_cancel_reaches_the_supervisor(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        assert not read_orders(session, claim).cancel
        cancel_job(session, claim.job_id, "user")
        assert read_orders(session, claim).cancel


def test_a_worker_lost_while_cancelling_leaves_the_job_cancelled(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        cancel_job(session, claim.job_id, "user")
    _lose(ground, claim)
    assert (ground.job(claim.job_id).state, ground.holders()) == ("cancelled", [None])


def test_a_job_that_loses_worker_after_worker_is_taken_for_the_cause(ground: Ground) -> None:
    claim = ground.start_job()
    for _ in range(9):
        _lose(ground, claim)
        assert ground.assign() == 1
        claim = ground.claim(claim.worker_id, claim.job_id)
    assert ground.job(claim.job_id).num_restarts == 0
    _lose(ground, claim)
    job = ground.job(claim.job_id)
    assert (job.state, job.status_reason) == ("failed", "restarts_exhausted")
