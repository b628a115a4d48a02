"""A server that is away for half a minute: the page says so, comes back by itself, and shows everything once."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from server.jobs.lease import Claim
from tests.e2e.browsing import opened
from tests.server.house import House, open_served_house, sign

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

AWAY_S = 30.0


def write(house: House, claim: Claim, steps: range, offset: int) -> int:
    """Let the engine log and measure some steps; return where its log ends."""
    text = "".join(f"line {step} of the log\n" for step in steps).encode()
    house.write_log(claim, offset, text)
    house.measure(claim, {step: {"train/loss": 2 / step} for step in steps})
    return offset + len(text)


def read_log(page: Page) -> list[int]:
    """Return the numbers of the log's lines, as they come into view from the first to the last."""
    tail = page.get_by_test_id("log-tail")
    numbers: dict[int, int] = {}
    top, height = 0, tail.evaluate("element => element.scrollHeight")
    while top < height:
        tail.evaluate("(element, top) => { element.scrollTop = top }", top)
        page.wait_for_timeout(50)
        for row in tail.locator("[data-index]").all():
            numbers[int(row.get_attribute("data-index") or -1)] = int(re.findall(r"\d+", row.inner_text())[0])
        top += 200
    return [numbers[index] for index in sorted(numbers)]


def test_a_page_outlives_its_server(browser: Browser, tmp_path: Path) -> None:
    environment = {"STILLHOUSE_HOME": str(tmp_path / "home")}
    first = ExitStack()
    house = first.enter_context(open_served_house(environment))
    key = sign(house.service)["Authorization"].removeprefix("Bearer ")
    url = str(house.client.base_url).rstrip("/")
    claim = house.start_job()
    house.start_run(claim)
    end = write(house, claim, range(1, 51), 0)
    with first, opened(browser, url, key, bears="net::ERR_") as window:
        page = window.page
        mark = page.get_by_test_id("stream-state")
        chart = page.locator('[data-testid=chart][data-key="train/loss"]')
        window.visit(f"/jobs/{claim.job_id}")
        expect(mark).to_have_attribute("data-state", "live")
        expect(chart).to_have_attribute("data-points", "50")

        first.close()
        gone = time.monotonic()
        expect(mark).to_have_attribute("data-state", "stale")
        expect(chart).to_have_attribute("data-points", "50")  # what is known stays
        end = write(house, claim, range(51, 101), end)  # a worker goes on: it writes into the database
        time.sleep(max(0.0, AWAY_S - (time.monotonic() - gone)))
        expect(mark).to_contain_text("Stale")

        with open_served_house(environment, port=int(url.rsplit(":", 1)[1])) as house:
            expect(mark).to_have_attribute("data-state", "live", timeout=30_000)  # pauses between tries grow to 10 s
            write(house, claim, range(101, 151), end)
            expect(chart).to_have_attribute("data-points", "150", timeout=30_000)
            expect(page.get_by_test_id("log-tail")).to_contain_text("line 150 of the log")
            assert read_log(page) == list(range(1, 151))
