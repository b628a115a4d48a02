"""The outbox: events become messages to webhooks, once each, and each message a known number of attempts.

One process at a time works on it. A message is taken for as long as an attempt may last: when the process dies
meanwhile, the message is due again afterwards. Receivers may see a message twice, then under the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, now
from server.jobs.errors import WebhookOffError
from server.jobs.ids import new_id
from server.jobs.states import State
from server.jobs.tables import Event, Job, Webhook, WebhookDelivery
from server.jobs.webhooks import TEST_TYPE, TYPES

RETRIES_S = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600)
"""Seconds from a failed attempt to the next one; after the last the message is given up."""

MAX_FAILURES = 5
"""Messages given up in a row that switch a webhook off."""

TAKEN_S = 120
"""Seconds for which a message belongs to the process that took it."""

_EVENTS = 500
_GONE = 410


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is to be sent now."""

    delivery_id: str
    webhook_id: str
    url: str
    secret: str
    payload: dict[str, Any]
    num_attempts: int

    @property
    def is_test(self) -> bool:
        """Whether a person waits for it: it is tried once, and says nothing of the webhook's health."""
        return bool(self.payload["type"] == TEST_TYPE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt: a status of the receiver, or why there was none."""

    status_code: int | None
    error: str | None
    duration_ms: float

    @property
    def is_good(self) -> bool:
        """Whether the receiver took the message."""
        return self.status_code is not None and 200 <= self.status_code < 300


def fill_outbox(session: Session) -> int:
    """Turn what has happened since into messages; return how many."""
    live = (Webhook.is_enabled, Webhook.deleted_at.is_(None))
    webhooks = session.scalars(select(Webhook).where(*live).order_by(Webhook.id).with_for_update()).all()
    return sum(_ask(session, webhook) for webhook in webhooks)


def take_due(session: Session, limit: int) -> list[Letter]:
    """Take the messages that are due, one of each webhook, so that no receiver is asked twice at a time."""
    moment = now(session)
    query = select(WebhookDelivery, Webhook).join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
    query = query.where(*_due(moment)).order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id)
    letters: dict[str, Letter] = {}
    for delivery, webhook in session.execute(query.limit(10 * limit)):
        if webhook.id in letters or len(letters) == limit:
            continue
        delivery.next_attempt_at = moment + timedelta(seconds=TAKEN_S)
        letters[webhook.id] = Letter(
            delivery.id, webhook.id, webhook.url, webhook.secret, delivery.payload, delivery.num_attempts
        )
    return list(letters.values())


def record_answer(session: Session, letter: Letter, answer: Answer) -> None:
    """Write down how an attempt went, and what follows from it."""
    moment = now(session)
    attempts = letter.num_attempts + 1
    state, due = _follow(attempts, answer, moment, num_retries=0 if letter.is_test else len(RETRIES_S))
    values = {
        "state": state,
        "num_attempts": attempts,
        "next_attempt_at": due,
        "status_code": answer.status_code,
        "error": answer.error,
        "duration_ms": answer.duration_ms,
        "finished_at": None if due else moment,
    }
    mine = (WebhookDelivery.id == letter.delivery_id, WebhookDelivery.num_attempts == letter.num_attempts)
    pending = update(WebhookDelivery).where(*mine, WebhookDelivery.state == "pending")
    if change_rows(session, pending.values(values)) and not letter.is_test:
        _judge(session, letter.webhook_id, state, answer)


def add_test(session: Session, webhook: Webhook) -> WebhookDelivery:
    """Add a message that says nothing but that it arrives."""
    return _add(session, webhook, TEST_TYPE, {"webhook_id": webhook.id})


def send_again(session: Session, webhook: Webhook, delivery: WebhookDelivery) -> None:
    """Let a message be sent once more, with all its attempts.

    Raises:
        WebhookOffError: the webhook is switched off.
    """
    if not webhook.is_enabled and delivery.event_seq is not None:
        raise WebhookOffError(webhook.id)
    delivery.state, delivery.num_attempts = "pending", 0
    delivery.next_attempt_at, delivery.finished_at = now(session), None
    session.flush()


def _ask(session: Session, webhook: Webhook) -> int:
    """Ask whether a webhook wants the events behind its cursor, and move the cursor past them."""
    query = select(Event, Job).join(Job, Job.id == Event.job_id).where(Event.seq > webhook.cursor)
    count = 0
    for event, job in session.execute(query.order_by(Event.seq).limit(_EVENTS)):
        webhook.cursor = event.seq
        kind = _type_of(event)
        is_heard = job.project == webhook.project and job.export_of is None
        if kind is not None and kind in webhook.types and is_heard:
            count += _add_event(session, webhook, kind, event, job)
    session.flush()
    return count


def _type_of(event: Event) -> str | None:
    """Return the type of the message that an event makes: a job has reached a state."""
    state = event.data.get("state")
    return TYPES[State(state)] if isinstance(state, str) and state in set(State) else None


def _add_event(session: Session, webhook: Webhook, kind: str, event: Event, job: Job) -> int:
    data = {
        "job_id": job.id,
        "name": job.name,
        "project": job.project,
        "state": event.data["state"],
        "status_reason": event.data.get("reason"),
        "status_message": event.data.get("message"),
        "attempt": event.data.get("attempt", 0),
        "event_id": event.seq,
    }
    known = (WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.event_seq == event.seq)
    if session.scalar(select(WebhookDelivery.id).where(*known)) is not None:
        return 0
    _add(session, webhook, kind, data, event)
    return 1


def _add(
    session: Session, webhook: Webhook, kind: str, data: dict[str, Any], event: Event | None = None
) -> WebhookDelivery:
    moment = now(session)
    happened = event.created_at if event is not None else moment
    delivery = WebhookDelivery(
        id=new_id("msg"),
        webhook_id=webhook.id,
        event_seq=event.seq if event is not None else None,
        type=kind,
        payload={"type": kind, "timestamp": happened.isoformat(), "data": data},
        state="pending",
        num_attempts=0,
        next_attempt_at=moment,
        created_at=moment,
    )
    session.add(delivery)
    session.flush()
    return delivery


def _due(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    """Tests go out to webhooks that are switched off, too: one tests before one switches on."""
    wanted = or_(Webhook.is_enabled, WebhookDelivery.event_seq.is_(None))
    is_due = WebhookDelivery.next_attempt_at <= moment
    return (WebhookDelivery.state == "pending", is_due, Webhook.deleted_at.is_(None), wanted)


def _follow(attempts: int, answer: Answer, moment: datetime, *, num_retries: int) -> tuple[str, datetime | None]:
    """Return a message's next state, and when it is due again."""
    if answer.is_good:
        return "delivered", None
    if answer.status_code == _GONE or attempts > num_retries:
        return "failed", None
    return "pending", moment + timedelta(seconds=RETRIES_S[attempts - 1])


def _judge(session: Session, webhook_id: str, state: str, answer: Answer) -> None:
    """Count what was given up in a row, and switch a webhook off that nobody answers."""
    webhook = session.get_one(Webhook, webhook_id, populate_existing=True, with_for_update=True)
    if state == "delivered":
        webhook.num_failures = 0
    elif state == "failed":
        webhook.num_failures += 1
        if answer.status_code == _GONE:
            _switch_off(session, webhook, "the receiver answered 410: it wants no more")
        elif webhook.num_failures >= MAX_FAILURES:
            _switch_off(session, webhook, f"{webhook.num_failures} messages in a row were given up")


def _switch_off(session: Session, webhook: Webhook, reason: str) -> None:
    webhook.is_enabled = False
    webhook.disabled_reason = reason
    webhook.updated_at = now(session)
