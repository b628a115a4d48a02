"""Webhooks: which addresses are told of what, as rows."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from server.jobs.database import now
from server.jobs.errors import UnknownWebhookError
from server.jobs.ids import new_id
from server.jobs.projects import ensure_project
from server.jobs.states import State
from server.jobs.tables import Event, Webhook, WebhookDelivery

_NAMES = {State.RUNNING: "started"}
TYPES: dict[State, str] = {state: f"job.{_NAMES.get(state, state)}" for state in State}
"""What a webhook may ask for: a job has reached a state."""

TEST_TYPE = "webhook.test"
"""The message that a person sends to see whether the receiver works."""

_SECRET_BYTES = 32


def new_secret() -> str:
    """Return what signs a webhook's messages, as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def add_webhook(session: Session, *, project: str, url: str, types: Sequence[str]) -> Webhook:
    """Add a webhook that is told of what happens from now on."""
    moment = now(session)
    ensure_project(session, project)
    webhook = Webhook(
        id=new_id("whk"),
        project=project,
        url=url,
        types=list(types),
        secret=new_secret(),
        is_enabled=True,
        cursor=last_event(session),
        num_failures=0,
        created_at=moment,
        updated_at=moment,
    )
    session.add(webhook)
    session.flush()
    return webhook


def list_webhooks(session: Session, project: str | None, *, after: str | None, limit: int) -> list[Webhook]:
    """Return webhooks in the order in which they were made; `project` None means those of all."""
    query = _visible(project).order_by(Webhook.id)
    if after is not None:
        query = query.where(Webhook.id > after)
    return list(session.scalars(query.limit(limit)))


def find_webhook(session: Session, webhook_id: str, project: str | None) -> Webhook:
    """Return a webhook that may be seen from `project`, or from everywhere.

    Raises:
        UnknownWebhookError: there is none.
    """
    webhook = session.scalar(_visible(project).where(Webhook.id == webhook_id))
    if webhook is None:
        raise UnknownWebhookError("webhook", webhook_id)
    return webhook


def change_webhook(session: Session, webhook: Webhook, changes: dict[str, Any]) -> None:
    """Change a webhook; one that is switched on again hears of what happens from then on."""
    if changes.get("is_enabled") and not webhook.is_enabled:
        webhook.num_failures = 0
        webhook.disabled_reason = None
        webhook.cursor = last_event(session)
    for name, value in changes.items():
        setattr(webhook, name, value)
    webhook.updated_at = now(session)
    session.flush()


def remove_webhook(session: Session, webhook: Webhook) -> None:
    """Remove a webhook; its deliveries go with it when they are old."""
    webhook.deleted_at = webhook.updated_at = now(session)
    webhook.is_enabled = False
    session.flush()


def list_deliveries(session: Session, webhook_id: str, *, after: str | None, limit: int) -> list[WebhookDelivery]:
    """Return the messages to a webhook, the newest first."""
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if after is not None:
        query = query.where(WebhookDelivery.id < after)
    return list(session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(limit)))


def find_delivery(session: Session, webhook_id: str, delivery_id: str) -> WebhookDelivery:
    """Return one message to a webhook.

    Raises:
        UnknownWebhookError: there is none.
    """
    wanted = (WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id)
    delivery = session.scalar(select(WebhookDelivery).where(*wanted))
    if delivery is None:
        raise UnknownWebhookError("delivery", delivery_id)
    return delivery


def last_event(session: Session) -> int:
    """Return the number of the newest event, 0 where there is none."""
    return session.scalar(select(func.max(Event.seq))) or 0


def _visible(project: str | None) -> Select[Webhook]:
    query = select(Webhook).where(Webhook.deleted_at.is_(None))
    return query if project is None else query.where(Webhook.project == project)
