from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from server.artifacts import ArtifactStore
from server.jobs.database import change_rows
from server.jobs.ids import new_id
from server.jobs.states import Reason, State
from server.jobs.tables import Artifact, Blob, Checkpoint, Job, Metric
from server.jobs.uploads import add_upload, complete_upload, remove_upload
from server.jobs.verbs import cancel_job, pause_job, resume_job
from server.jobs.workers import drain_worker
from tests.server.jobs.ground import Ground, experiment, make_settings
from tests.worker.hosting import make_host
from tests.worker.worker_program import STAND_IN
from worker.answer import answer_doorbell
from worker.host import Host
from worker.processes import find_marked


@pytest.fixture
def host(ground: Ground) -> Host:
    """A worker in this very process."""
    return make_host(ground)


def _run(ground: Ground, host: Host, job_id: str, is_stopping: Callable[[], bool] = lambda: False) -> Job:
    """Assign a job to `host` and supervise it to the end of its attempt."""
    if ground.job(job_id).state == State.QUEUED:
        assert ground.assign()
    answer_doorbell(ground.settings, host, job_id, is_stopping, STAND_IN)
    assert not list(find_marked(host.identity.installation))
    assert not (ground.settings.home_folder / "attempts" / job_id / "001").exists()
    return ground.job(job_id)


def _log(ground: Ground, job_id: str) -> bytes:
    query = select(Artifact.sha256).where(Artifact.job_id == job_id, Artifact.kind == "log")
    with ground.database.read() as session:
        return gzip.decompress(ArtifactStore(ground.settings).read(session.scalars(query).one()))


def _with_settings(ground: Ground, **changes: str) -> Ground:
    """Return the same ground under other settings."""
    environment = ground.environment | changes
    return replace(ground, environment=environment, settings=make_settings(environment))


def test_what_the_engine_says_is_recorded_line_by_line_and_once(ground: Ground, host: Host) -> None:
    job = _run(ground, host, ground.submit(experiment(steps=30)))
    assert job.state == State.SUCCEEDED
    with ground.database.read() as session:
        rows = session.execute(select(Metric.step, Metric.cursor).order_by(Metric.cursor)).all()
    assert rows == [(step, step) for step in range(1, 31)] + [(30, 31)]
    assert job.metric_cursor == 31
    assert _log(ground, job.id).decode().splitlines() == [f"step {step} of 30" for step in range(1, 31)]
    (attempt,) = ground.attempts(job.id)
    assert (attempt.exit_code, attempt.reason) == (0, None)
    assert attempt.pid is not None


@pytest.mark.parametrize(
    ("behaviour", "reason", "words"),
    [
        ({"fail": {"reason": "nan_loss", "message": "the loss is NaN"}}, "nan_loss", "the loss is NaN"),
        ({"fail": {"reason": "data_missing", "message": "no such folder"}}, "data_missing", "no such folder"),
        ({"leave": 3}, "exit_code", "and then it was gone"),
        ({"leave": 0}, "exit_code", "no last word"),
        ({"liar": True}, "exit_code", "but it has"),
    ],
)
def test_a_failed_run_says_why(ground: Ground, host: Host, behaviour: dict[str, Any], reason: str, words: str) -> None:
    job = _run(ground, host, ground.submit(experiment(steps=3, **behaviour)))
    assert (job.state, job.status_reason) == ("failed", reason)
    assert words in (job.status_message or "")
    assert _log(ground, job.id).startswith(b"step 1 of 3")


def test_the_problems_of_a_refused_spec_are_kept(ground: Ground, host: Host) -> None:
    problems = [{"pointer": "/models/student", "code": "x", "message": "y"}]
    failure = {"reason": "spec_rejected_at_start", "problems": problems}
    job = _run(ground, host, ground.submit(experiment(steps=1, fail=failure)))
    assert (job.status_reason, job.problems) == ("spec_rejected_at_start", problems)


def test_garbage_between_the_events_is_told_and_harms_nothing(ground: Ground, host: Host) -> None:
    job = _run(ground, host, ground.submit(experiment(steps=3, garbage=True)))
    assert job.state == State.SUCCEEDED
    warnings = [event.data["code"] for event in ground.events(job.id) if event.type == "warning"]
    assert warnings == ["events_unreadable"] * 6


def test_a_job_cancelled_before_its_engine_starts_starts_none(ground: Ground, host: Host) -> None:
    job_id = ground.submit()
    ground.assign()
    with ground.database.write() as session:
        cancel_job(session, job_id, "user")
    job = _run(ground, host, job_id)
    assert (job.state, ground.attempts(job_id)[0].pid) == ("cancelled", None)


def test_a_cancelled_run_saves_a_checkpoint_in_its_grace(ground: Ground, host: Host) -> None:
    job_id = ground.submit(experiment(steps=10_000, checkpoint_every=10_000))

    def cancel_soon() -> None:
        while (ground.job(job_id).step or 0) < 2:
            time.sleep(0.05)
        with ground.database.write() as session:
            cancel_job(session, job_id, "user")

    helper = threading.Thread(target=cancel_soon)
    helper.start()
    job = _run(ground, host, job_id)
    helper.join()
    assert (job.state, job.status_reason) == ("cancelled", "user_cancelled")
    with ground.database.read() as session:
        assert session.scalars(select(Checkpoint)).one().step >= 2


def test_a_job_paused_before_its_engine_starts_starts_none(ground: Ground, host: Host) -> None:
    job_id = ground.submit()
    ground.assign()
    with ground.database.write() as session:
        pause_job(session, job_id, "user")
    job = _run(ground, host, job_id)
    assert (job.state, ground.attempts(job_id)[0].pid) == ("paused", None)


def test_a_paused_run_gives_its_device_back_and_goes_on_from_where_it_saved(ground: Ground, host: Host) -> None:
    job_id = ground.submit(experiment(steps=40, step_s=0.1, checkpoint_every=10_000))

    def pause_soon() -> None:
        while (ground.job(job_id).step or 0) < 2:
            time.sleep(0.05)
        with ground.database.write() as session:
            pause_job(session, job_id, "user")

    helper = threading.Thread(target=pause_soon)
    helper.start()
    job = _run(ground, host, job_id)
    helper.join()
    assert (job.state, job.status_reason, ground.holders()) == ("paused", "user_paused", [None])
    with ground.database.write() as session:
        saved_at = session.scalars(select(Checkpoint)).one().step
        resume_job(session, job_id, "user")
    assert _run(ground, host, job_id).state == State.SUCCEEDED
    assert ground.attempts(job_id)[1].start_step == saved_at >= 2


def test_a_run_on_a_worker_that_is_cleared_saves_a_checkpoint_and_goes_back_to_the_queue(
    ground: Ground, host: Host
) -> None:
    job_id = ground.submit(experiment(steps=10_000, checkpoint_every=10_000))

    def clear_soon() -> None:
        while (ground.job(job_id).step or 0) < 2:
            time.sleep(0.05)
        with ground.database.write() as session:
            assert drain_worker(session, host.identity.worker_id, at_once=True)

    helper = threading.Thread(target=clear_soon)
    helper.start()
    job = _run(ground, host, job_id)
    helper.join()
    assert (job.state, job.status_reason, job.num_restarts) == ("queued", "drained", 0)
    assert ground.events(job_id)[-1].type == "drained"
    with ground.database.read() as session:
        assert session.scalars(select(Checkpoint)).one().step >= 2
    assert ground.assign() == 0


def test_a_job_on_a_worker_that_is_cleared_before_its_engine_starts_starts_none(ground: Ground, host: Host) -> None:
    job_id = ground.submit()
    ground.assign()
    with ground.database.write() as session:
        drain_worker(session, host.identity.worker_id, at_once=True)
    job = _run(ground, host, job_id)
    assert (job.state, job.status_reason, ground.attempts(job_id)[0].pid) == ("queued", "drained", None)


def test_a_run_on_a_draining_worker_goes_on_to_its_end(ground: Ground, host: Host) -> None:
    job_id = ground.submit()
    ground.assign()
    with ground.database.write() as session:
        drain_worker(session, host.identity.worker_id, at_once=False)
    assert _run(ground, host, job_id).state == State.SUCCEEDED


def test_a_worker_that_is_stopping_takes_nothing_up(ground: Ground, host: Host) -> None:
    job_id = ground.submit()
    ground.assign()
    answer_doorbell(ground.settings, host, job_id, lambda: True, STAND_IN)
    assert ground.job(job_id).state == State.STARTING


def test_the_next_job_starts_as_soon_as_one_is_over(ground: Ground, host: Host) -> None:
    patient = _with_settings(ground, STILLHOUSE_LEASE_TTL_S="60")  # the worker is only a row: it never beats
    first, second = patient.submit(), patient.submit()
    _run(patient, host, first)
    assert patient.job(second).state == State.STARTING


def test_weights_of_an_artifact_that_is_not_there_fail_the_job_with_a_reason(ground: Ground, host: Host) -> None:
    document = experiment()
    document["models"]["student"]["weights"] = {"artifact": new_id("art")}
    job = _run(ground, host, ground.submit(document))
    assert (job.state, job.status_reason) == ("failed", "artifact_missing")
    assert "there is no such artifact" in (job.status_message or "")


def test_the_furthest_checkpoint_that_verifies_is_resumed_from(ground: Ground, host: Host) -> None:
    job_id = ground.submit(experiment(steps=20, step_s=0.1, checkpoint_every=5, die_at=17, until_attempt=1))
    assert _run(ground, host, job_id).status_reason == "engine_killed"
    store = ArtifactStore(ground.settings)
    with ground.database.write() as session:
        furthest, before = session.scalars(select(Checkpoint).order_by(Checkpoint.step.desc())).all()[:2]
        assert furthest.step == 15
        store.delete(furthest.sha256)
        change_rows(session, update(Job).values(not_before=None))
    assert _run(ground, host, job_id).state == State.SUCCEEDED
    assert ground.attempts(job_id)[1].start_step == before.step
    assert "checkpoint_unusable" in [event.data.get("code") for event in ground.events(job_id)]


def test_a_long_run_keeps_only_its_newest_checkpoints_in_the_store(ground: Ground, host: Host) -> None:
    job_id = ground.submit(experiment(steps=20, step_s=0.1, checkpoint_every=3))
    assert _run(ground, host, job_id).state == State.SUCCEEDED
    store = ArtifactStore(ground.settings)
    with ground.database.read() as session:
        kept = [row.sha256 for row in session.scalars(select(Checkpoint))]
        assert len(kept) == 2
        named = set(session.scalars(select(Artifact.sha256))) | set(kept)
        assert set(session.scalars(select(Blob.sha256))) == named
    assert all(store.exists(digest) for digest in named)
    folder = ground.settings.home_folder.parent / "artifacts"
    assert {path.name for path in folder.rglob("*") if path.is_file() and len(path.name) == 64} <= named


def test_a_log_beyond_its_limit_keeps_its_end(ground: Ground, host: Host) -> None:
    small = _with_settings(ground, STILLHOUSE_MAX_LOG_BYTES="65536")
    job_id = small.submit(experiment(steps=20, chatter=20_000))
    job = _run(small, host, job_id)
    log = _log(small, job_id)
    assert job.log_bytes > 400_000
    assert b"bytes of this log were dropped" in log.splitlines()[0]
    assert len(log) < 70_000
    assert b"step 20 of 20" in log


def test_the_engine_reads_the_artifacts_of_another_job(ground: Ground, host: Host) -> None:
    teacher = _run(ground, host, ground.submit())
    with ground.database.read() as session:
        query = select(Artifact).where(Artifact.job_id == teacher.id, Artifact.kind == "student")
        artifact = session.scalars(query).one()
    document = experiment()
    document["models"]["student"]["weights"] = {"artifact": artifact.id}
    job = _run(ground, host, ground.submit(document))
    assert job.state == State.SUCCEEDED


def test_the_engine_gets_the_student_of_a_job_that_it_waited_for(ground: Ground, host: Host) -> None:
    teacher = ground.submit()
    document = experiment()
    document["models"]["student"]["weights"] = {"job": teacher}
    student = ground.submit(document, needs=[teacher])
    _run(ground, host, teacher)
    job = _run(ground, host, student)
    assert job.state == State.SUCCEEDED, job.status_message
    with ground.database.read() as session:
        rows = session.scalars(select(Artifact).where(Artifact.kind == "student").order_by(Artifact.id)).all()
        inputs = json.loads(ArtifactStore(ground.settings).read(rows[-1].sha256))["inputs"]
    assert {name: entry["sha256"] for name, entry in inputs.items()} == {teacher: rows[0].sha256}


def test_the_engine_reads_weights_that_a_person_has_uploaded(ground: Ground, host: Host, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"weights")
    blob = ArtifactStore(ground.settings).put_file(tmp_path / "weights")
    with ground.database.write() as session:
        upload = add_upload(
            session, project="default", kind="weights", name="x", size=blob.size, sha256=None, created_by="somebody"
        )
        assert complete_upload(session, upload.id, blob.sha256, blob.size)
    document = experiment()
    document["models"]["student"]["weights"] = {"upload": upload.id}
    job = _run(ground, host, ground.submit(document))
    assert job.state == State.SUCCEEDED
    with ground.database.write() as session:
        remove_upload(session, upload.id)
    job = _run(ground, host, ground.submit(document))
    assert (job.state, job.status_reason) == (State.FAILED, Reason.ARTIFACT_MISSING)


def test_a_reader_of_the_database_finds_no_credential_in_the_engines_environment(
    ground: Ground, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("STILLHOUSE_DATABASE_URL", "postgresql://secret")
    job = _run(ground, host, ground.submit())
    with ground.database.read() as session:
        query = select(Artifact).where(Artifact.job_id == job.id, Artifact.kind == "student")
        sha256 = session.scalars(query).one().sha256
    environment = json.loads(ArtifactStore(ground.settings).read(sha256))["environment"]
    assert "secret" not in json.dumps(environment)
    assert set(environment) >= {"STILLHOUSE_JOB_ID", "STILLHOUSE_ATTEMPT", "STILLHOUSE_TOKEN", "CUDA_VISIBLE_DEVICES"}
