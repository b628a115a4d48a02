"""The page of webhooks against a real receiver: made, tested, signed, told how it went."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from server.sender import sign
from tests.e2e.browsing import Window, opened
from tests.server.receiver import Receiver, receiving
from tests.stillhouse.serving import ServerProcess, serve

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose webhooks may call this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLHOUSE_WEBHOOK_ALLOWED_HOSTS", '["127.0.0.1"]')
        with serve(tmp_path_factory.mktemp("home")) as server:
            yield server


@pytest.fixture
def window(browser: Browser, server: ServerProcess) -> Iterator[Window]:
    """Its page of webhooks."""
    with opened(browser, server.url, server.key, bears="422") as window:
        window.visit("/settings/webhooks")
        yield window


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Who is told."""
    with receiving() as receiver:
        yield receiver


def make(page: Page, url: str) -> tuple[Locator, str]:
    """Make a webhook by the page; return its card and the secret that is shown."""
    page.get_by_label("address").fill(url)
    page.get_by_role("button", name="Make the webhook").click()
    shown = page.get_by_test_id("secret")
    secret = shown.get_by_role("textbox", name="Secret").input_value()
    shown.get_by_role("button", name="I have copied it").click()
    return page.get_by_test_id("webhook").filter(has=page.get_by_role("heading", name=url)), secret


def send_test(webhook: Locator) -> Locator:
    """Press a webhook's button for a test, and return the line of its log."""
    webhook.get_by_role("button", name="Send a test").click()
    webhook.get_by_role("link", name="Show its messages").click()
    return webhook.get_by_test_id("delivery")


def test_a_test_message_is_signed_and_its_delivery_is_shown(window: Window, receiver: Receiver) -> None:
    webhook, secret = make(window.page, receiver.url)
    assert secret.startswith("whsec_")
    delivery = send_test(webhook)
    expect(delivery).to_contain_text("webhook.test")
    expect(delivery).to_contain_text("delivered")
    expect(delivery).to_contain_text("204")
    [(headers, body)] = receiver.messages
    signature = sign(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == signature
    assert json.loads(body)["type"] == "webhook.test"
    expect(delivery).to_contain_text(headers["webhook-id"])
    assert window.find_barriers() == []


def test_a_message_that_is_refused_shows_as_failed_and_why_and_is_sent_again(
    window: Window, receiver: Receiver
) -> None:
    webhook, _ = make(window.page, receiver.url)
    receiver.status = 500
    delivery = send_test(webhook)
    expect(delivery).to_contain_text("failed")
    expect(delivery).to_contain_text("answered 500")
    receiver.status = 204
    delivery.get_by_role("button", name="Send again").click()
    expect(delivery).to_contain_text("delivered")
    assert len({headers["webhook-id"] for headers, _ in receiver.messages}) == 1
    assert window.find_barriers() == []


def test_a_receiver_that_is_gone_shows_as_failed_and_why(window: Window) -> None:
    with receiving() as receiver:
        webhook, _ = make(window.page, receiver.url)
    delivery = send_test(webhook)
    expect(delivery).to_contain_text("failed")
    expect(delivery).to_contain_text("refused")


def test_an_address_inside_the_own_network_is_refused_at_its_field(window: Window) -> None:
    page = window.page
    page.get_by_label("address").fill("http://10.0.0.1/hook")
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.get_by_role("alert")).to_contain_text("10.0.0.1")
    expect(page.get_by_role("heading", name="http://10.0.0.1/hook")).to_have_count(0)
