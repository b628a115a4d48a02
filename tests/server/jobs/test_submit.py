from __future__ import annotations

from server.jobs.tables import JobLabel, JobSpec
from tests.server.jobs.ground import Ground, experiment


def test_a_submitted_job_waits_with_its_spec_labels_and_first_event(ground: Ground) -> None:
    document = experiment()
    job_id = ground.submit(document, name="mine", labels={"who": "me"}, priority=3, max_restarts=1)
    job = ground.job(job_id)
    assert (job.state, job.name, job.priority, job.max_restarts, job.attempt) == ("queued", "mine", 3, 1, 0)
    assert job.summary == {"student": "light_nn", "teachers": [], "datasets": ["digits"], "methods": ["ce"]}
    with ground.database.read() as session:
        spec = session.get_one(JobSpec, job_id)
        assert spec.document == document
        assert spec.resolved["stages"][0]["schedule"] == {"schedule": "constant"}
        assert session.get(JobLabel, ("default", "who", "me", job_id))
    assert [(event.type, event.actor) for event in ground.events(job_id)] == [("submitted", "user")]


def test_the_same_experiment_has_the_same_digest_however_it_is_written(ground: Ground) -> None:
    written_out = experiment() | {"runtime": {"seed": 0}}
    first, second, other = ground.submit(), ground.submit(written_out), ground.submit(experiment(steps=2))
    assert ground.job(first).spec_sha256 == ground.job(second).spec_sha256 != ground.job(other).spec_sha256
