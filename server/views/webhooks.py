"""What the API shows of webhooks and of the messages to them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from server.jobs import tables
from server.views.base import Moment, View


class WebhookView(View):
    """An address that is told of what happens to jobs."""

    object: Literal["webhook"] = "webhook"
    id: str
    project: str
    url: str
    types: list[str] = Field(description="What it is told of.")
    is_enabled: bool
    num_failures: int = Field(description="Messages that were given up in a row.")
    disabled_reason: str | None = Field(description="Why the service switched it off; null unless it did.")
    created_at: Moment
    updated_at: Moment


class NewWebhookView(WebhookView):
    """A webhook that was made just now."""

    secret: str = Field(description="What signs the messages. It is shown this once.")


class DeliveryView(View):
    """A message to a webhook, and how it went."""

    object: Literal["delivery"] = "delivery"
    id: str = Field(description="The message's webhook-id, the same in each attempt.")
    webhook_id: str
    event_id: int | None = Field(description="Number of the event that it tells of; null for a test.")
    type: str
    payload: dict[str, Any]
    state: Literal["pending", "delivered", "failed"]
    num_attempts: int
    next_attempt_at: Moment | None
    status_code: int | None = Field(description="Of the last answer; null where none came.")
    error: str | None = Field(description="Why none came.")
    duration_ms: float | None
    created_at: Moment
    finished_at: Moment | None


def view_delivery(delivery: tables.WebhookDelivery) -> DeliveryView:
    """Show a message to a webhook."""
    fields = {name: getattr(delivery, name) for name in DeliveryView.model_fields if hasattr(delivery, name)}
    return DeliveryView.model_validate(fields | {"event_id": delivery.event_seq})
