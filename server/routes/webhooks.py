"""Webhooks: addresses that are told what happens to jobs, and what was sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from distill_core.errors import Problem
from server.access import CallerOf
from server.jobs.outbox import add_test, send_again
from server.jobs.tables import Webhook
from server.jobs.webhooks import (
    TYPES,
    add_webhook,
    change_webhook,
    find_delivery,
    find_webhook,
    list_deliveries,
    list_webhooks,
    remove_webhook,
)
from server.outgoing import AllowedHosts, ForbiddenAddressError
from server.problems import BodyInvalidError
from server.routes.body import Body, check_body, describe_json
from server.routes.query import KnownQuery, Limit
from server.service import ReadSession, ServiceOf
from server.settings import Settings
from server.views import Page, cut_page
from server.views.webhooks import DeliveryView, NewWebhookView, WebhookView, view_delivery
from server.writing import WriteSession

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], dependencies=[Depends(KnownQuery())])

if TYPE_CHECKING:
    EventType = str  # a type checker cannot read what is made from the table of states
else:
    EventType = Literal[tuple(sorted(TYPES.values()))]

After = Annotated[str | None, Query(max_length=64, description="Id of the last entry of the page before.")]


class WebhookChanges(BaseModel):
    """What may be changed of a webhook; what is left out stays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: str = Field(default="", min_length=1, max_length=2048, description="Address that the messages are sent to.")
    types: list[EventType] = Field(default=[], min_length=1, max_length=len(TYPES), description="What it is told of.")
    is_enabled: bool = Field(default=True, description="Whether it is told anything.")


class WebhookBody(WebhookChanges):
    """A webhook to make."""

    url: str = Field(min_length=1, max_length=2048, description="Address that the messages are sent to.")
    types: list[EventType] = Field(min_length=1, max_length=len(TYPES), description="What it is told of.")


@router.post(
    "",
    status_code=201,
    summary="Make a webhook",
    openapi_extra=describe_json(WebhookBody),
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Address of the webhook."}}}
    },
)
def create_webhook(
    service: ServiceOf, caller: CallerOf, body: Body, session: WriteSession, response: Response
) -> NewWebhookView:
    """Let an address be told of what happens to jobs from now on; the reply shows the secret this once."""
    asked = check_body(WebhookBody, body)
    _check_url(asked.url, service.settings)
    webhook = add_webhook(session, project=caller.home, url=asked.url, types=_each_once(asked.types))
    webhook.is_enabled = asked.is_enabled
    response.headers["Location"] = f"/v1/webhooks/{webhook.id}"
    return NewWebhookView.model_validate(webhook)


@router.get("", summary="List webhooks")
def list_all_webhooks(
    session: ReadSession, caller: CallerOf, limit: Limit = 20, after: After = None
) -> Page[WebhookView]:
    """Return a page of webhooks, the oldest first."""
    found = list_webhooks(session, caller.project, after=after, limit=limit + 1)
    return cut_page([WebhookView.model_validate(webhook) for webhook in found], limit)


@router.get("/{webhook_id}", summary="Look at a webhook", responses={404: {}})
def read_webhook(session: ReadSession, caller: CallerOf, webhook_id: str) -> WebhookView:
    """Return a webhook, without its secret."""
    return WebhookView.model_validate(find_webhook(session, webhook_id, caller.project))


def find_to_change(session: WriteSession, caller: CallerOf, webhook_id: str) -> Webhook:
    """Return the webhook that a request is about."""
    return find_webhook(session, webhook_id, caller.project)


ToChange = Annotated[Webhook, Depends(find_to_change, scope="function")]


@router.patch(
    "/{webhook_id}", summary="Change a webhook", responses={404: {}}, openapi_extra=describe_json(WebhookChanges)
)
def update_webhook(service: ServiceOf, session: WriteSession, webhook: ToChange, body: Body) -> WebhookView:
    """Change a webhook; one that is switched on again hears of what happens from then on."""
    asked = check_body(WebhookChanges, body)
    changes = asked.model_dump(exclude_unset=True)
    if "url" in changes:
        _check_url(asked.url, service.settings)
    if "types" in changes:
        changes["types"] = _each_once(asked.types)
    change_webhook(session, webhook, changes)
    return WebhookView.model_validate(webhook)


@router.delete("/{webhook_id}", status_code=204, summary="Remove a webhook", responses={404: {}})
def delete_webhook(session: WriteSession, webhook: ToChange) -> None:
    """Remove a webhook; nothing is sent to it any more."""
    remove_webhook(session, webhook)


@router.post("/{webhook_id}/test", status_code=202, summary="Send a test message", responses={404: {}})
def test_webhook(session: WriteSession, webhook: ToChange) -> DeliveryView:
    """Send a message of type `webhook.test`, once; how it went stands in the deliveries a moment later."""
    return view_delivery(add_test(session, webhook))


@router.get("/{webhook_id}/deliveries", summary="List messages to a webhook", responses={404: {}})
def list_webhook_deliveries(
    session: ReadSession, caller: CallerOf, webhook_id: str, limit: Limit = 20, after: After = None
) -> Page[DeliveryView]:
    """Return what was sent to a webhook and how it went, the newest first."""
    find_webhook(session, webhook_id, caller.project)
    found = list_deliveries(session, webhook_id, after=after, limit=limit + 1)
    return cut_page([view_delivery(delivery) for delivery in found], limit)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    summary="Send a message again",
    responses={404: {}, 409: {}},
)
def redeliver(session: WriteSession, webhook: ToChange, delivery_id: str) -> DeliveryView:
    """Send a message once more under the same id, with all its attempts."""
    delivery = find_delivery(session, webhook.id, delivery_id)
    send_again(session, webhook, delivery)
    return view_delivery(delivery)


def _check_url(url: str, settings: Settings) -> None:
    try:
        AllowedHosts(settings.webhook_allowed_hosts).check_url(url)
    except ForbiddenAddressError as error:
        problem = Problem("/url", error.code, str(error), url, "a public http or https address")
        raise BodyInvalidError(f"the address cannot be called: {error}", [problem]) from error


def _each_once(types: Sequence[str]) -> list[str]:
    return sorted(set(types))
