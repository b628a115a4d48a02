"""Webhooks: addresses that the server tells of what happens to jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stillhouse.client.operator import OperatorCalls
from stillhouse.client.results import Delivery, Webhook


class WebhookCalls(OperatorCalls):
    """Calls about webhooks."""

    def webhooks(self) -> Iterator[Webhook]:
        """Yield the webhooks, the oldest first."""
        yield from map(Webhook.model_validate, self._pages("/v1/webhooks", {}))

    def webhook(self, webhook_id: str) -> Webhook:
        """Return a webhook; `disabled_reason` says why the server switched it off, if it did."""
        return Webhook.model_validate(self._transport.get(f"/v1/webhooks/{webhook_id}"))

    def create_webhook(self, url: str, types: Sequence[str]) -> Webhook:
        """Let an address be told of what happens to jobs; the answer alone holds the `secret` that signs messages.

        Args:
            url: address that messages are sent to.
            types: what it is told of, such as job.succeeded and job.failed.

        Raises:
            InvalidRequestError: the address may not be called, or there is no such type; `problems` lists them.
        """
        body = {"url": url, "types": list(types)}
        return Webhook.model_validate(self._transport.send("POST", "/v1/webhooks", json=body, once=True).json())

    def edit_webhook(self, webhook_id: str, **changes: Any) -> Webhook:
        """Change `url`, `types` or `is_enabled` of a webhook; what is left out stays."""
        answer = self._transport.send("PATCH", f"/v1/webhooks/{webhook_id}", json=changes)
        return Webhook.model_validate(answer.json())

    def delete_webhook(self, webhook_id: str) -> None:
        """Remove a webhook."""
        self._transport.send("DELETE", f"/v1/webhooks/{webhook_id}")

    def send_test(self, webhook_id: str) -> Delivery:
        """Send a test message to a webhook."""
        return Delivery.model_validate(self._transport.send("POST", f"/v1/webhooks/{webhook_id}/test").json())

    def deliveries(self, webhook_id: str) -> Iterator[Delivery]:
        """Yield the messages to a webhook, and how each went."""
        yield from map(Delivery.model_validate, self._pages(f"/v1/webhooks/{webhook_id}/deliveries", {}))

    def redeliver(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Send a message again, under its id."""
        path = f"/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"
        return Delivery.model_validate(self._transport.send("POST", path).json())
