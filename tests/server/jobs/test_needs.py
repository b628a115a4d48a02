from __future__ import annotations

from typing import Any

from sqlalchemy import select

from distill_core.spec import resolve
from server.jobs.attempts import Ending
from server.jobs.finish import Outcome, StoredArtifact, finish
from server.jobs.ids import new_id
from server.jobs.needs import name_students, read_needs
from server.jobs.reconcile import reconcile_once
from server.jobs.states import Reason, State
from server.jobs.tables import Artifact
from server.jobs.verbs import cancel_job
from tests.server.jobs.ground import Ground, experiment


def _needing(*job_ids: str) -> dict[str, Any]:
    """Return a spec that takes each of the jobs' students as a model."""
    document = experiment()
    document["models"] |= {
        f"teacher_{number}": {"model": "light_nn", "weights": {"job": job_id}} for number, job_id in enumerate(job_ids)
    }
    return document


def _submit_needing(ground: Ground, *job_ids: str) -> str:
    return ground.submit(_needing(*job_ids), needs=job_ids)


def _end(ground: Ground, job_id: str, state: State) -> None:
    """Run a job to its end; success leaves a student."""
    worker_id = ground.announce()
    assert ground.assign() == 1
    claim = ground.claim(worker_id, job_id)
    reason = None if state is State.SUCCEEDED else Reason.EXIT_CODE
    student = [StoredArtifact("student", "student.safetensors", "5" * 64, 1)]
    with ground.database.write() as session:
        finish(session, claim, Outcome(state, Ending(reason)), artifacts=student)


def _reconcile(ground: Ground) -> None:
    reconcile_once(ground.database, ground.doorbell, ground.patient_settings, may_expire=False)


def test_a_job_that_needs_another_ones_student_waits_and_says_for_which(ground: Ground) -> None:
    teacher = ground.submit()
    student = _submit_needing(ground, teacher)
    job = ground.job(student)
    assert (job.state, job.status_reason) == ("queued", "dependency")
    assert teacher in (job.status_message or "")
    ground.announce(num_slots=2)
    assert ground.assign() == 1
    assert [ground.job(job_id).state for job_id in (teacher, student)] == ["starting", "queued"]


def test_it_is_assigned_as_soon_as_all_that_it_needs_have_succeeded(ground: Ground) -> None:
    first, second = ground.submit(), ground.submit()
    student = _submit_needing(ground, first, second)
    _end(ground, first, State.SUCCEEDED)
    assert ground.assign() == 1
    assert ground.job(student).state == State.QUEUED
    ground.announce()
    worker_id = ground.job(second).lease_owner
    assert worker_id is not None
    claim = ground.claim(worker_id, second)
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.SUCCEEDED, Ending()))
    assert ground.assign() == 1
    assert (ground.job(student).state, ground.job(student).status_reason) == ("starting", None)


def test_a_job_stops_saying_that_it_waits_once_it_waits_for_a_device_alone(ground: Ground) -> None:
    teacher = ground.submit()
    student = _submit_needing(ground, teacher)
    _end(ground, teacher, State.SUCCEEDED)
    ahead = ground.submit(priority=5)
    _reconcile(ground)
    assert ground.job(ahead).state == State.STARTING
    assert (ground.job(student).status_reason, ground.job(student).status_message) == (None, None)


def test_a_job_fails_when_the_job_that_it_needs_fails_and_so_do_those_that_need_it(ground: Ground) -> None:
    teacher = ground.submit()
    assistant = _submit_needing(ground, teacher)
    student = _submit_needing(ground, assistant)
    bystander = ground.submit()
    with ground.database.write() as session:
        cancel_job(session, teacher, "user")
    _reconcile(ground)
    for job_id, needed in ((assistant, teacher), (student, assistant)):
        job = ground.job(job_id)
        assert (job.state, job.status_reason) == ("failed", "dependency_failed")
        assert needed in (job.status_message or "")
        assert [event.type for event in ground.events(job_id)] == ["submitted", "failed"]
    assert ground.job(bystander).state == State.QUEUED


def test_a_job_whose_needed_job_failed_while_running_fails_too(ground: Ground) -> None:
    teacher = ground.submit()
    student = _submit_needing(ground, teacher)
    _end(ground, teacher, State.FAILED)
    _reconcile(ground)
    assert ground.job(student).status_reason == Reason.DEPENDENCY_FAILED


def test_the_student_of_a_job_that_has_succeeded_is_named_in_the_resolved_spec(ground: Ground) -> None:
    teacher = ground.submit()
    _end(ground, teacher, State.SUCCEEDED)
    document = _needing(teacher)
    with ground.database.read() as session:
        needs = read_needs(session, document, "default")
        artifact = session.scalars(select(Artifact).where(Artifact.kind == "student")).one()
    assert (needs.students, needs.pending, needs.problems) == ({teacher: artifact.id}, [], [])
    resolved = name_students(resolve(document), needs.students).as_document()
    assert resolved["models"]["teacher_0"]["weights"] == {"artifact": artifact.id}
    assert resolve(resolved).as_document() == resolved


def test_jobs_that_are_not_there_or_have_no_student_cannot_be_needed(ground: Ground) -> None:
    cancelled, foreign = ground.submit(), ground.submit(project="other")
    with ground.database.write() as session:
        cancel_job(session, cancelled, "user")
    with ground.database.read() as session:
        needs = read_needs(session, _needing(cancelled, foreign, new_id("job")), "default")
    assert [(problem.pointer, problem.code) for problem in needs.problems] == [
        ("/models/teacher_0/weights/job", "job_without_student"),
        ("/models/teacher_1/weights/job", "job_unknown"),
        ("/models/teacher_2/weights/job", "job_unknown"),
    ]
    assert needs.pending == []
