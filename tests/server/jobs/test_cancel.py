from __future__ import annotations

import pytest

from server.jobs.attempts import Ending
from server.jobs.cancel import cancel_job
from server.jobs.errors import MoveRefusedError, UnknownJobError
from server.jobs.finish import Outcome, finish
from server.jobs.states import Reason, State
from tests.server.jobs.ground import Ground


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
