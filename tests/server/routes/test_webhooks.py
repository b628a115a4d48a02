from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from server.jobs.database import change_rows
from server.jobs.outbox import MAX_FAILURES, RETRIES_S, fill_outbox, take_due
from server.jobs.tables import Webhook, WebhookDelivery
from server.jobs.verbs import cancel_job
from server.jobs.webhooks import TYPES
from server.outgoing import AllowedHosts, Outgoing
from server.sender import Sender, send_due
from tests.server.house import House, open_house
from tests.server.receiver import Receiver, receiving

OUTGOING = Outgoing(AllowedHosts(["127.0.0.1"]), 5)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def house(ready_stores: dict[str, str]) -> Iterator[House]:
    """The application, which may call this machine."""
    with open_house(ready_stores | {"STILLHOUSE_WEBHOOK_ALLOWED_HOSTS": '["127.0.0.1"]'}) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


def make(house: House, url: str, *types: str) -> dict[str, Any]:
    answer = house.client.post("/v1/webhooks", json={"url": url, "types": list(types or TYPES.values())})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


def deliveries(house: House, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.client.get(f"/v1/webhooks/{webhook['id']}/deliveries").json()["data"]
    return found


def send(house: House) -> int:
    return send_due(house.ground.database, OUTGOING)


def send_late(house: House) -> int:
    """Send as if the wait of every message were over."""
    with house.ground.database.write() as session:
        change_rows(session, update(WebhookDelivery).values(next_attempt_at=LONG_AGO))
    return send(house)


def types_of(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for _, body in receiver.messages]


def test_the_secret_is_shown_when_the_webhook_is_made_and_never_again(house: House, receiver: Receiver) -> None:
    made = make(house, receiver.url, "job.failed", "job.succeeded", "job.failed")
    assert made["secret"].startswith("whsec_")
    assert made["types"] == ["job.failed", "job.succeeded"]
    seen = house.client.get(f"/v1/webhooks/{made['id']}").json()
    assert seen == {name: value for name, value in made.items() if name != "secret"}
    [listed] = house.client.get("/v1/webhooks").json()["data"]
    assert listed == seen


def test_a_message_is_signed_as_standard_webhooks_says(house: House, receiver: Receiver) -> None:
    made = make(house, receiver.url, "job.queued")
    job_id = house.ground.submit()
    assert send(house) == 1
    [(headers, body)] = receiver.messages
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    message = json.loads(body)
    assert (message["type"], message["data"]["job_id"], message["data"]["state"]) == ("job.queued", job_id, "queued")
    [delivery] = deliveries(house, made)
    assert (delivery["id"], delivery["state"], delivery["status_code"]) == (headers["webhook-id"], "delivered", 204)


def test_every_state_on_a_jobs_way_is_told_in_order_and_once(house: House, receiver: Receiver) -> None:
    make(house, receiver.url)
    claim = house.start_job()
    house.start_run(claim)
    house.succeed(claim)
    while send(house):
        pass
    assert types_of(receiver) == ["job.queued", "job.starting", "job.started", "job.succeeded"]
    assert send_late(house) == 0


def test_only_what_was_asked_for_and_what_happens_afterwards_is_told(house: House, receiver: Receiver) -> None:
    earlier = house.ground.submit()
    make(house, receiver.url, "job.cancelled")
    later = house.ground.submit()
    for job_id in (earlier, later):
        with house.ground.database.write() as session:
            cancel_job(session, job_id, "user")
    while send(house):
        pass
    told = [json.loads(body)["data"]["job_id"] for _, body in receiver.messages]
    assert (types_of(receiver), told) == (["job.cancelled"] * 2, [earlier, later])


def test_jobs_of_other_projects_are_not_told(house: House, receiver: Receiver) -> None:
    make(house, receiver.url, "job.queued")
    house.ground.submit(project="elsewhere")
    assert send(house) == 0


def test_a_message_that_was_not_taken_is_tried_again_after_known_waits_and_then_given_up(
    house: House, receiver: Receiver
) -> None:
    receiver.status = 500
    webhook = make(house, receiver.url, "job.queued")
    house.ground.submit()
    for wait_s in RETRIES_S:
        assert send_late(house) == 1
        [delivery] = deliveries(house, webhook)
        due = datetime.fromisoformat(delivery["next_attempt_at"]) - datetime.now(UTC)
        assert (delivery["state"], delivery["status_code"]) == ("pending", 500)
        assert wait_s - 30 < due.total_seconds() <= wait_s
    assert send_late(house) == 1
    [delivery] = deliveries(house, webhook)
    assert (delivery["state"], delivery["num_attempts"]) == ("failed", len(RETRIES_S) + 1)
    assert len({headers["webhook-id"] for headers, _ in receiver.messages}) == 1
    assert send_late(house) == 0


def test_a_message_that_no_one_answered_says_why(house: House, receiver: Receiver) -> None:
    webhook = make(house, "http://127.0.0.1:9/", "job.queued")
    house.ground.submit()
    assert send(house) == 1
    [delivery] = deliveries(house, webhook)
    assert delivery["status_code"] is None
    assert "ConnectError" in delivery["error"]


def test_a_receiver_that_nobody_answers_for_is_switched_off_and_can_be_switched_on(
    house: House, receiver: Receiver
) -> None:
    receiver.status = 503
    webhook = make(house, receiver.url, "job.queued")
    address = f"/v1/webhooks/{webhook['id']}"
    for _ in range(MAX_FAILURES):
        house.ground.submit()
    while send_late(house):
        pass
    seen = house.client.get(address).json()
    assert (seen["is_enabled"], seen["num_failures"]) == (False, MAX_FAILURES)
    assert "given up" in seen["disabled_reason"]
    house.ground.submit()
    assert send_late(house) == 0
    seen = house.client.patch(address, json={"is_enabled": True}).json()
    assert (seen["is_enabled"], seen["num_failures"], seen["disabled_reason"]) == (True, 0, None)
    receiver.status, job_id = 204, house.ground.submit()
    assert send(house) == 1
    assert json.loads(receiver.messages[-1][1])["data"]["job_id"] == job_id


def test_a_receiver_that_is_gone_is_switched_off_at_once(house: House, receiver: Receiver) -> None:
    receiver.status = 410
    webhook = make(house, receiver.url, "job.queued")
    house.ground.submit()
    assert send(house) == 1
    seen = house.client.get(f"/v1/webhooks/{webhook['id']}").json()
    assert (seen["is_enabled"], "410" in seen["disabled_reason"]) == (False, True)


def test_a_test_message_is_sent_once_even_to_a_webhook_that_is_off(house: House, receiver: Receiver) -> None:
    webhook = make(house, receiver.url)
    address = f"/v1/webhooks/{webhook['id']}"
    house.client.patch(address, json={"is_enabled": False})
    answer = house.client.post(f"{address}/test")
    assert (answer.status_code, answer.json()["state"], answer.json()["event_id"]) == (202, "pending", None)
    receiver.status = 500
    assert (send_late(house), send_late(house), types_of(receiver)) == (1, 0, ["webhook.test"])
    assert [delivery["state"] for delivery in deliveries(house, webhook)] == ["failed"]
    assert house.client.get(address).json()["num_failures"] == 0


def test_a_message_can_be_sent_again_under_its_id(house: House, receiver: Receiver) -> None:
    webhook = make(house, receiver.url, "job.queued")
    house.ground.submit()
    assert send(house) == 1
    [delivery] = deliveries(house, webhook)
    address = f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/redeliver"
    assert house.client.post(address).status_code == 202
    assert send(house) == 1
    assert [headers["webhook-id"] for headers, _ in receiver.messages] == [delivery["id"]] * 2
    house.client.patch(f"/v1/webhooks/{webhook['id']}", json={"is_enabled": False})
    refused = house.client.post(address)
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_off")


def test_a_removed_webhook_is_gone_and_hears_nothing(house: House, receiver: Receiver) -> None:
    webhook = make(house, receiver.url, "job.queued")
    house.ground.submit()
    assert house.client.delete(f"/v1/webhooks/{webhook['id']}").status_code == 204
    assert send(house) == 0
    assert house.client.get("/v1/webhooks").json()["data"] == []
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
        answer = house.client.request(method, f"/v1/webhooks/{webhook['id']}{path}", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_message_whose_sender_died_is_due_again_when_its_time_is_over(house: House, receiver: Receiver) -> None:
    make(house, receiver.url, "job.queued")
    house.ground.submit()
    with house.ground.database.write() as session:
        assert fill_outbox(session) == 1
        assert len(take_due(session, 8)) == 1
    assert send(house) == 0
    assert send_late(house) == 1
    assert types_of(receiver) == ["job.queued"]


def test_an_event_is_not_told_twice_when_the_cursor_falls_back(house: House, receiver: Receiver) -> None:
    make(house, receiver.url, "job.queued")
    house.ground.submit()
    assert send(house) == 1
    with house.ground.database.write() as session:
        change_rows(session, update(Webhook).values(cursor=0))
    assert send_late(house) == 0


def test_two_senders_do_not_send_at_the_same_time(house: House, receiver: Receiver) -> None:
    make(house, receiver.url, "job.queued")
    house.ground.submit()
    assert Sender(house.ground.database, house.ground.settings)._pass() == 0  # the test holds the right
    assert receiver.messages == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"types": ["job.failed"]}, "/url"),
        ({"url": "https://example.org", "types": []}, "/types"),
        ({"url": "https://example.org", "types": ["job.faild"]}, "/types/0"),
        ({"url": "http://10.0.0.1/", "types": ["job.failed"]}, "/url"),
        ({"url": "ftp://example.org/", "types": ["job.failed"]}, "/url"),
        ({"url": "https://example.org", "types": ["job.failed"], "secret": "mine"}, "/secret"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_at_the_place(house: House, body: dict[str, Any], pointer: str) -> None:
    answer = house.client.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "body_invalid")
    assert [entry["pointer"] for entry in answer.json()["errors"]] == [pointer]


def test_a_change_to_an_address_that_is_not_public_is_refused(house: House, receiver: Receiver) -> None:
    address = f"/v1/webhooks/{make(house, receiver.url)['id']}"
    assert house.client.patch(address, json={"url": "http://169.254.169.254/"}).status_code == 422
    assert house.client.patch(address, json={"url": None}).status_code == 422
    assert house.client.get(address).json()["url"] == receiver.url
