"""The dashboard over plain http under a name of the local network, where browsers keep back what they call powerful."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import opened
from tests.e2e.pages import fill_one, served
from tests.server.jobs.ground import experiment
from tests.services.chromium import LAN_NAME

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_tabs_share_one_stream_and_a_job_is_submitted(browser: Browser, tmp_path: Path) -> None:
    allowed = json.dumps([LAN_NAME, "127.0.0.1"])
    with served(tmp_path / "home", STILLHOUSE_ALLOWED_HOSTS=allowed) as (house, key):
        fill_one(house)
        url = f"http://{LAN_NAME}:{house.client.base_url.port}"
        with opened(browser, url, key) as window:
            assert window.page.evaluate("() => [isSecureContext, 'clipboard' in navigator]") == [False, False]
            others = [window.page.context.new_page() for _ in range(7)]
            for tab in others:
                tab.goto(url)
                expect(tab.get_by_test_id("stream-state")).to_have_attribute("data-state", "live")
            assert "stillhouse_streams_open 1.0" in house.client.get("/metrics").text.splitlines()
            window.visit("/jobs/new")
            window.page.get_by_test_id("spec-input").focus()
            window.page.keyboard.press("Control+A")
            window.page.keyboard.insert_text(json.dumps(experiment() | {"name": "over the local network"}))
            window.page.get_by_test_id("spec-submit").click()
            window.page.wait_for_url(re.compile(r"/jobs/job_"))
            for tab in others:
                row = tab.get_by_test_id("job-row").filter(has_text="over the local network")
                expect(row).to_be_visible(timeout=5_000)
