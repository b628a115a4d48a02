from __future__ import annotations

import pytest
from sqlalchemy import select

from server.jobs.attempts import Ending
from server.jobs.finish import Outcome, StoredArtifact, finish
from server.jobs.lease import Claim
from server.jobs.logs import LogArchive, append_log
from server.jobs.moves import move_job
from server.jobs.states import Reason, State
from server.jobs.tables import Artifact, LogChunk
from server.jobs.verbs import cancel_job
from tests.server.jobs.ground import Ground

KILLED = Outcome(State.QUEUED, Ending(Reason.ENGINE_KILLED, signal=9, is_counted=True), "killed")
STUDENT = StoredArtifact("student", "student.safetensors", "a" * 64, 3)


def _finish(ground: Ground, claim: Claim, outcome: Outcome) -> State:
    with ground.database.write() as session:
        return finish(session, claim, outcome, artifacts=[STUDENT])


def test_success_comes_with_its_artifacts_and_the_log_replaces_its_rows(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        append_log(session, claim, 0, b"text", max_bytes=100)
        archive = LogArchive("b" * 64, 20, 4)
        finish(session, claim, Outcome(State.SUCCEEDED, Ending(exit_code=0)), artifacts=[STUDENT], log=archive)
    with ground.database.read() as session:
        assert sorted(session.scalars(select(Artifact.kind))) == ["log", "student"]
        assert not list(session.scalars(select(LogChunk)))
    job = ground.job(claim.job_id)
    assert (job.state, job.progress, job.log_bytes, job.lease_owner) == ("succeeded", 1.0, 4, None)
    assert job.finished_at is not None
    assert ground.attempts(claim.job_id)[0].exit_code == 0


def test_no_artifact_is_kept_without_success(ground: Ground) -> None:
    claim = ground.start_job()
    failure = Outcome(State.FAILED, Ending(Reason.NAN_LOSS, exit_code=1), "NaN", ({"pointer": "/x"},))
    assert _finish(ground, claim, failure) == State.FAILED
    job = ground.job(claim.job_id)
    assert (job.status_reason, job.status_message, job.problems) == ("nan_loss", "NaN", [{"pointer": "/x"}])
    with ground.database.read() as session:
        assert not list(session.scalars(select(Artifact)))


def test_a_killed_engine_waits_a_little_before_its_next_attempt(ground: Ground) -> None:
    claim = ground.start_job()
    assert _finish(ground, claim, KILLED) == State.QUEUED
    job = ground.job(claim.job_id)
    assert (job.num_restarts, job.status_reason) == (1, "engine_killed")
    assert job.not_before is not None
    assert 0 < (job.not_before - job.updated_at).total_seconds() < 5
    assert ground.assign() == 0


def test_the_last_restart_used_up_fails_the_job(ground: Ground) -> None:
    worker_id = ground.announce()
    job_id = ground.submit(max_restarts=0)
    ground.assign()
    assert _finish(ground, ground.claim(worker_id, job_id), KILLED) == State.FAILED
    assert ground.job(job_id).status_reason == Reason.RESTARTS_EXHAUSTED


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome(State.SUCCEEDED, Ending(exit_code=0)), State.SUCCEEDED),
        (Outcome(State.FAILED, Ending(Reason.EXIT_CODE, exit_code=1)), State.CANCELLED),
        (Outcome(State.QUEUED, Ending(Reason.PREEMPTED, exit_code=75)), State.CANCELLED),
        (KILLED, State.CANCELLED),
    ],
)
def test_a_wish_to_cancel_that_came_meanwhile_counts_unless_the_job_succeeded(
    ground: Ground, outcome: Outcome, state: State
) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        cancel_job(session, claim.job_id, "user")
    assert _finish(ground, claim, outcome) == state == ground.job(claim.job_id).state


def test_a_job_that_was_to_pause_rests_when_its_engine_has_stopped(ground: Ground) -> None:
    claim = ground.start_job()
    with ground.database.write() as session:
        move_job(session, claim.job_id, State.PAUSING, actor="user")
    assert _finish(ground, claim, Outcome(State.QUEUED, Ending(Reason.PREEMPTED, exit_code=75))) == State.PAUSED
