"""What the client asks of jobs, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillhouse.client import Client, ConflictError, InvalidRequestError, NotFoundError, PreconditionError
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker, tiny_spec


def test_a_running_job_pauses_and_a_queued_one_refuses_and_says_what_it_takes(client: Client, hand: HandWorker) -> None:
    job = client.submit(tiny_spec())
    with pytest.raises(ConflictError) as refusal:
        client.pause(job.id)
    assert refusal.value.document["allowed"] == ["cancel"]
    claim = hand.take(job.id)
    hand.report(claim, RUN_STARTED)
    assert client.pause(job.id).state == client.pause(job.id).state == "pausing"
    hand.rest(claim)
    assert client.resume(job.id).state == "queued"


def test_a_cancelled_job_is_retried(client: Client) -> None:
    job = client.submit(tiny_spec())
    assert client.cancel(job.id).state == "cancelled"
    again = client.retry(job.id, from_start=True)
    assert (again.id, again.state, again.status_reason) == (job.id, "queued", "user_retried")


def test_a_clone_is_a_new_job_with_changes(client: Client) -> None:
    job = client.submit(tiny_spec(), name="old", priority=2)
    twin = client.clone(job.id, {"runtime": {"seed": 7}}, name="new", idempotency_key="twin")
    assert (twin.parent_id, twin.name, twin.priority) == (job.id, "new", 2)
    spec = client.job(twin.id).spec
    assert spec is not None
    assert spec["runtime"] == tiny_spec()["runtime"] | {"seed": 7}
    assert client.clone(job.id, {"runtime": {"seed": 7}}, name="new", idempotency_key="twin").id == twin.id
    with pytest.raises(InvalidRequestError) as refusal:
        client.clone(job.id, {"models": {"student": {"model": "resnt8"}}})
    assert [problem.pointer for problem in refusal.value.problems] == ["/models/student/model"]


def test_an_edit_is_refused_where_somebody_was_faster(client: Client) -> None:
    job = client.job(client.submit(tiny_spec(), labels={"a": "1"}).id)
    assert job.etag is not None
    edited = client.edit(job.id, name="mine", labels={"a": None, "b": "2"}, notes="a note", etag=job.etag)
    assert (edited.name, edited.labels, edited.notes) == ("mine", {"b": "2"}, "a note")
    with pytest.raises(PreconditionError):
        client.edit(job.id, name="theirs", etag=job.etag)
    assert client.edit(job.id, notes=None, etag=edited.etag).notes is None


def test_a_deleted_job_is_gone_and_deleting_it_again_harms_nothing(client: Client) -> None:
    job = client.submit(tiny_spec())
    with pytest.raises(ConflictError):
        client.delete(job.id)
    client.cancel(job.id)
    client.delete(job.id)
    client.delete(job.id)
    with pytest.raises(NotFoundError):
        client.job(job.id)


def test_a_trial_tells_what_a_job_would_take_and_makes_none(client: Client) -> None:
    before = [job.id for job in client.jobs()]
    found = client.try_out(tiny_spec(), priority=1000)
    assert (found["cost"]["steps"], found["cost"]["samples"], found["place_in_queue"]) == (14, 400, 1)
    assert [job.id for job in client.jobs()] == before


def test_the_queue_is_told_in_its_order(client: Client) -> None:
    first, urgent = client.submit(tiny_spec()), client.submit(tiny_spec(), priority=9)
    waiting = [entry for entry in client.queue() if entry.place is not None]
    assert [(entry.place, entry.job_id) for entry in waiting] == [(1, urgent.id), (2, first.id)]
    assert client.queue(pool="elsewhere") == []


def test_checkpoints_and_manifest_are_read(client: Client, hand: HandWorker, tmp_path: Path) -> None:
    job = client.submit(tiny_spec())
    assert client.checkpoints(job.id) == []
    with pytest.raises(NotFoundError, match="it has no manifest"):
        client.manifest(job.id)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"seed": 7}))
    claim = hand.take(job.id)
    hand.report(claim, RUN_STARTED)
    hand.save(claim, path, step=3)
    hand.succeed(claim, {"manifest": path})
    assert [(entry.step, entry.size) for entry in client.checkpoints(job.id)] == [(3, path.stat().st_size)]
    assert client.manifest(job.id) == {"seed": 7}


def test_jobs_come_in_the_order_of_a_metric(client: Client, hand: HandWorker) -> None:
    def measure(loss: float) -> str:
        job = client.submit(tiny_spec(), labels={"sorted": "yes"})
        claim = hand.take(job.id)
        hand.report(
            claim, RUN_STARTED, f'{{"type": "metrics", {TIME}, "step": 1, "values": {{"l": {loss}}}}}\n'.encode()
        )
        hand.succeed(claim, {})
        return job.id

    ids = {loss: measure(loss) for loss in (0.5, 0.25, 0.75)}
    found = [job.id for job in client.jobs(labels={"sorted": "yes"}, sort="metric:l")]
    assert found == [ids[loss] for loss in sorted(ids)]
