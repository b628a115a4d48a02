from __future__ import annotations

import gzip
import json
import signal
import zipfile
from pathlib import Path

from sqlalchemy import select

from server.artifacts import ArtifactStore
from server.jobs.exports import Wanted, add_export, list_exports
from server.jobs.inputs import find_students
from server.jobs.states import State
from server.jobs.tables import Artifact, LogChunk, Metric
from server.jobs.uploads import add_upload, complete_upload
from server.jobs.verbs import cancel_job
from tests.server.jobs.ground import Ground, experiment
from tests.worker.crew import Crew


def test_a_job_goes_from_the_queue_to_its_artifacts(ground: Ground, crew: Crew) -> None:
    crew.hire()
    job_id = ground.submit(experiment(steps=10))
    crew.wait_for_state(job_id, State.SUCCEEDED, State.FAILED)
    job = ground.job(job_id)
    assert (job.state, job.status_message) == ("succeeded", None), crew.logs()
    assert (job.state, job.progress, job.step, job.figures) == ("succeeded", 1.0, 10, {"test/accuracy": 0.5})
    store = ArtifactStore(ground.settings)
    with ground.database.read() as session:
        artifacts = {row.kind: row for row in session.scalars(select(Artifact))}
        assert set(artifacts) == {"student", "manifest", "log"}
        assert len(list(session.scalars(select(Metric)))) == 11
        assert not list(session.scalars(select(LogChunk)))
    student = json.loads(store.read(artifacts["student"].sha256))
    assert student["weights"] == 10
    assert not {name for name in student["environment"] if "URL" in name or "ROOT" in name or "HOME" in name[1:]}
    log = gzip.decompress(store.read(artifacts["log"].sha256))
    assert log.startswith(b"step 1 of 10\n")
    assert len(log) == job.log_bytes
    types = [event.type for event in ground.events(job_id)]
    assert types[:2] == ["submitted", "starting"]
    assert types[-1] == "succeeded"
    assert not crew.engines(job_id)


def test_a_cancelled_job_saves_and_leaves_no_process(ground: Ground, crew: Crew) -> None:
    crew.hire()
    job_id = ground.submit(experiment(steps=1000, children=2))
    crew.wait_for_step(job_id, 3)
    assert len(crew.engines(job_id)) == 3
    with ground.database.write() as session:
        cancel_job(session, job_id, "user")
    crew.wait_for_state(job_id, State.CANCELLED)
    assert not crew.engines(job_id)
    assert ground.holders() == [None]


def test_a_worker_that_stops_hands_its_job_back_and_the_next_one_resumes_it(ground: Ground, crew: Crew) -> None:
    worker = crew.hire()
    job_id = ground.submit(experiment(steps=150))
    crew.wait_for_step(job_id, 3)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    job = ground.job(job_id)
    assert (job.state, job.status_reason, job.num_restarts) == ("queued", "preempted", 0)
    crew.hire()
    crew.wait_for_state(job_id, State.SUCCEEDED)
    first, second = ground.attempts(job_id)
    assert (first.reason, first.exit_code, second.reason) == ("preempted", 75, None)
    assert second.start_step >= 3


def test_the_student_of_a_finished_job_is_exported_by_a_worker_into_the_job(ground: Ground, crew: Crew) -> None:
    crew.hire()
    job_id = ground.submit(experiment(steps=3))
    crew.wait_for_state(job_id, State.SUCCEEDED, State.FAILED, timeout_s=90)
    with ground.database.write() as session:
        export, _ = add_export(session, job_id, Wanted("onnx"), "user")
    crew.wait_for_state(export.job.id, State.SUCCEEDED, State.FAILED, timeout_s=90)
    assert ground.job(export.job.id).status_message is None, crew.logs()
    with ground.database.read() as session:
        (done,) = list_exports(session, job_id)
        made = session.get_one(Artifact, done.artifact_id)
        student = find_students(session, [job_id])[job_id]
    assert (made.job_id, made.kind) == (job_id, "onnx")
    store = ArtifactStore(ground.settings)
    assert store.read(made.sha256) == b"exported " + store.read(student.sha256)
    assert not crew.engines(export.job.id)


def test_an_uploaded_data_set_lies_unpacked_where_the_engine_is_told(
    ground: Ground, crew: Crew, tmp_path: Path
) -> None:
    archive = tmp_path / "pets.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("train/cats/1.png", b"a cat")
    blob = ArtifactStore(ground.settings).put_file(archive)
    with ground.database.write() as session:
        facts = {"project": "default", "kind": "dataset", "name": "pets.zip", "created_by": "user"}
        upload = add_upload(session, sha256=None, size=blob.size, **facts)
        complete_upload(session, upload.id, blob.sha256, blob.size)
    document = experiment(steps=2)
    document["data"]["train"]["upload"] = upload.id
    crew.hire()
    job_id = ground.submit(document)
    crew.wait_for_state(job_id, State.SUCCEEDED, State.FAILED, timeout_s=90)
    assert ground.job(job_id).status_message is None
    with ground.database.read() as session:
        student = find_students(session, [job_id])[job_id]
    given = json.loads(ArtifactStore(ground.settings).read(student.sha256))["inputs"][upload.id]
    assert given["sha256"] == blob.sha256
    assert (Path(given["path"]) / "train/cats/1.png").read_bytes() == b"a cat"
