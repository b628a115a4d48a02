"""`webhook`: addresses that are told of what happens to jobs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from stillhouse.cli.options import AsJson, Url
from stillhouse.cli.output import describe_time, note, say, say_json, say_table
from stillhouse.client import Client, Delivery, Webhook

webhook = typer.Typer(help="Addresses that are told of what happens to jobs.", no_args_is_help=True)

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Id of the webhook.", show_default=False)]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="What it is told of, such as job.succeeded; may be repeated.")
]
DEFAULT_TYPES = ["job.succeeded", "job.failed", "job.cancelled"]


@webhook.command()
def create(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="What is called.", show_default=False)],
    types: Types = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make a webhook and print the secret that signs its messages; it cannot be read again."""
    with Client(url) as client:
        made = client.create_webhook(address, types or DEFAULT_TYPES)
    if as_json:
        say_json(made.as_document())
        return
    say(made.secret or "")
    note(f"{made.id} is told of {', '.join(made.types)}; keep the secret: it signs the messages")


@webhook.command("ls")
def list_webhooks(as_json: AsJson = False, url: Url = None) -> None:
    """List webhooks."""
    with Client(url) as client:
        found = list(client.webhooks())
    if as_json:
        say_json([each.as_document() for each in found])
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "address", "state", "told of"):
        table.add_column(column, no_wrap=column == "id", overflow="fold")
    for each in found:
        table.add_row(each.id, Text(each.url), Text(_describe(each)), ", ".join(each.types))
    say_table(table)


@webhook.command()
def edit(
    webhook_id: WebhookId,
    *,
    address: Annotated[str | None, typer.Option("--address", help="What is called from now on.")] = None,
    types: Types = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it is told anything.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Change a webhook, or switch it off and on."""
    changes: dict[str, Any] = {"url": address, "types": types or None, "is_enabled": enable}
    with Client(url) as client:
        changed = client.edit_webhook(
            webhook_id, **{name: value for name, value in changes.items() if value is not None}
        )
    if as_json:
        say_json(changed.as_document())
    else:
        say(f"{changed.id}  {_describe(changed)}  {', '.join(changed.types)}")


@webhook.command()
def rm(webhook_id: WebhookId, as_json: AsJson = False, url: Url = None) -> None:
    """Remove a webhook."""
    with Client(url) as client:
        client.delete_webhook(webhook_id)
    say_json({"id": webhook_id, "deleted": True}) if as_json else say(f"{webhook_id} is removed")


@webhook.command("test")
def send_test(webhook_id: WebhookId, as_json: AsJson = False, url: Url = None) -> None:
    """Send a test message."""
    with Client(url) as client:
        _say_delivery(client.send_test(webhook_id), as_json=as_json)


@webhook.command()
def deliveries(webhook_id: WebhookId, as_json: AsJson = False, url: Url = None) -> None:
    """List the messages and how each went."""
    with Client(url) as client:
        found = list(client.deliveries(webhook_id))
    if as_json:
        say_json([each.as_document() for each in found])
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "type", "state", "tries", "answer", "made"):
        table.add_column(column, no_wrap=column == "id")
    for each in found:
        answer = str(each.status_code or each.error or "")
        table.add_row(
            each.id, each.type, each.state, str(each.num_attempts), Text(answer), describe_time(each.created_at)
        )
    say_table(table)


@webhook.command()
def redeliver(
    webhook_id: WebhookId,
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY", help="Id of the message.", show_default=False)],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Send a message again, under its id."""
    with Client(url) as client:
        _say_delivery(client.redeliver(webhook_id, delivery_id), as_json=as_json)


def _say_delivery(delivery: Delivery, *, as_json: bool) -> None:
    say_json(delivery.as_document()) if as_json else say(f"{delivery.id}  {delivery.type}  {delivery.state}")


def _describe(webhook: Webhook) -> str:
    if webhook.is_enabled:
        return "on"
    return f"off: {webhook.disabled_reason}" if webhook.disabled_reason else "off"
