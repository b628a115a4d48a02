"""What operators ask of a server, against a real one."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

import pytest

from distill_core.spec import ExperimentSpec
from stillhouse.client import Client, ConflictError, InvalidRequestError, NotFoundError
from tests.stillhouse.serving import HandWorker, tiny_spec


def test_a_project_is_made_limited_and_listed(client: Client) -> None:
    made = client.create_project("vision", max_devices=4)
    assert (made.max_devices, made.max_queued) == (4, None)
    assert client.limit_project("vision", max_queued=10).max_devices is None
    assert client.project("vision").max_queued == 10
    assert "vision" in [project.id for project in client.projects()]
    with pytest.raises(ConflictError):
        client.create_project("vision")
    with pytest.raises(NotFoundError):
        client.project("nowhere")


def test_a_webhook_is_made_tested_switched_off_and_removed(client: Client) -> None:
    made = client.create_webhook("https://hooks.example.com/x", ["job.succeeded"])
    assert made.secret
    assert client.webhook(made.id).secret is None
    sent = client.send_test(made.id)
    assert sent.id in [delivery.id for delivery in client.deliveries(made.id)]
    assert client.redeliver(made.id, sent.id).id == sent.id
    assert client.edit_webhook(made.id, is_enabled=False).is_enabled is False
    assert made.id in [webhook.id for webhook in client.webhooks()]
    client.delete_webhook(made.id)
    with pytest.raises(NotFoundError):
        client.webhook(made.id)
    with pytest.raises(InvalidRequestError) as refusal:
        client.create_webhook("https://hooks.example.com/x", ["job.sucseeded"])
    assert refusal.value.problems[0].pointer == "/types/0"


def test_stored_teacher_outputs_are_listed_summed_and_removed(client: Client, hand: HandWorker) -> None:
    key = "a" * 64
    before = client.cache_totals()
    hand.store_outputs(key)
    assert {entry.key: entry.size for entry in client.caches()}[key] == 1000
    after = client.cache_totals()
    assert (after.num_entries - before.num_entries, after.saved_s - before.saved_s) == (1, 1.5)
    [doomed] = client.remove_cache(key)
    assert doomed.delete_requested_at is not None
    with pytest.raises(NotFoundError):
        client.remove_cache("b" * 64)


def test_the_audit_tells_who_wrote_what_the_newest_first(client: Client) -> None:
    job = client.submit(tiny_spec())
    client.cancel(job.id)
    entries = list(islice(client.audit(), 2))
    assert [entry.target for entry in entries] == [job.id, job.id]
    assert entries[0].seq > entries[1].seq
    assert "cancel" in entries[0].action
    own = client.audit(actor=entries[0].actor)
    assert {entry.actor for entry in islice(own, 150)} == {entries[0].actor}
    assert list(client.audit(actor="key_nobody")) == []


def test_components_and_schema_are_those_of_the_server(client: Client) -> None:
    components = client.components()
    assert components.methods["kd"].params["properties"]["temperature"]["default"] == 4.0
    assert components.models["resnet8"].as_document()["feature_points"]["stem"]
    assert "digits" in components.datasets
    assert components.recipes["fitnet"].params["properties"]["hint_epochs"]
    assert "stages" in client.schema()["properties"]


def test_a_spec_may_be_the_specs_own_object(client: Client) -> None:
    spec = ExperimentSpec.model_validate(tiny_spec())
    assert client.validate(spec)["valid"]
    assert client.try_out(spec)["cost"]["steps"] == 14
    assert client.submit(spec).name == "tiny"


@pytest.mark.parametrize(
    "wanted", [{"student": "resnet8"}, {"dataset": "digits"}, {"method": "ce"}, {"project": "default"}]
)
def test_jobs_are_found_by_what_they_are_made_of(client: Client, wanted: dict[str, Any]) -> None:
    job = client.submit(tiny_spec())
    assert job.id in [found.id for found in client.jobs(state=["queued", "running"], metrics=["train/loss"], **wanted)]
    if "project" not in wanted:
        other: dict[str, Any] = dict.fromkeys(wanted, "other")
        assert list(client.jobs(**other)) == []


def test_jobs_are_found_by_when_they_were_made(client: Client) -> None:
    first = client.submit(tiny_spec())
    time.sleep(0.02)
    second = client.submit(tiny_spec())
    between = first.created_at + (second.created_at - first.created_at) / 2
    later, earlier = client.jobs(created_after=between), client.jobs(created_before=between)
    assert [second.id] == [job.id for job in later if job.id in {first.id, second.id}]
    assert [first.id] == [job.id for job in earlier if job.id in {first.id, second.id}]
