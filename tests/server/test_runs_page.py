"""The table of jobs and their comparison in a real Chromium, with more jobs than a page of the list holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server.comparing import control_spec, run_job, taught_spec
from tests.server.house import House, open_served_house

pytestmark = pytest.mark.timeout(180)

QUEUED = 130
HOSTILE = "<img src=x onerror=alert(1)> \u202egnp.txt " + "x" * 200


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A running application with many jobs that wait, and two that have succeeded."""
    with open_served_house({"STILLHOUSE_HOME": str(tmp_path / "home")}) as house:
        run_job(
            house, control_spec(), {"test/accuracy": 0.80, "train/loss": 0.4, "cost/size_bytes": 1000}, name="alone"
        )
        run_job(house, taught_spec(), {"test/accuracy": 0.95, "train/loss": 0.3, "cost/size_bytes": 1000}, name=HOSTILE)
        for number in range(QUEUED):
            house.ground.submit(control_spec(number), name=f"job {number}")
        yield house


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    """The dashboard, signed in; anything that the browser complains of fails the test."""
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    secret = house.client.headers["authorization"].removeprefix("Bearer ")
    page.goto(f"{house.client.base_url}/#token={secret}")
    expect(page.get_by_test_id("job-row").first).to_be_visible()
    yield page
    page.close()
    assert complaints == []


def scroll_to_end(page: Page) -> None:
    """Scroll until the list ends; what lies behind a page comes when one gets near its end."""
    frame = page.get_by_test_id("job-frame")
    frame.evaluate("frame => frame.scrollTo(0, frame.scrollHeight)")
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", str(QUEUED + 3))
    frame.evaluate("frame => frame.scrollTo(0, frame.scrollHeight)")
    expect(page.get_by_role("link", name="alone")).to_be_visible()


def test_rows_come_as_one_scrolls_and_only_those_in_sight_are_drawn(page: Page) -> None:
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", "-1")
    assert page.get_by_test_id("job-row").count() < 60
    scroll_to_end(page)
    assert page.get_by_test_id("job-row").count() < 60
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_live_change_reaches_a_row_that_is_scrolled_to(page: Page, house: House) -> None:
    scroll_to_end(page)
    row = page.get_by_test_id("job-row").filter(has=page.get_by_role("link", name="job 0", exact=True))
    expect(row.get_by_test_id("job-state")).to_have_text("queued")
    house.client.post(f"/v1/jobs/{row.get_attribute('data-job')}/cancel")
    expect(row.get_by_test_id("job-state")).to_have_text("cancelled", timeout=20_000)


def test_jobs_are_chosen_by_keyboard_and_compared(page: Page) -> None:
    page.get_by_role("button", name="succeeded").click()
    expect(page.get_by_test_id("job-row")).to_have_count(2)
    page.get_by_test_id("job-row").first.get_by_role("link").focus()
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_role("status").filter(has_text="2 jobs chosen")).to_be_visible()
    page.get_by_role("link", name="Compare").click()
    page.wait_for_url(re.compile(r"/compare\?ids=job_\w+,job_\w+$"))
    expect(page.get_by_test_id("overlay").locator("canvas").first).to_be_visible()
    expect(page.get_by_test_id("gain-row").first).to_contain_text("+15.00 pp")
    expect(page.get_by_test_id("gain-row").first.get_by_text("gain", exact=True)).to_be_visible()
    page.get_by_test_id("compared-job").nth(1).hover()
    expect(page.get_by_test_id("gain-row").nth(1)).to_have_attribute("data-hovered", "true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_view_is_kept_by_the_server_and_opened_again(page: Page, house: House) -> None:
    page.get_by_role("button", name="succeeded").click()
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Save this view as").fill("the good ones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="the good ones")).to_be_visible()
    page.goto(f"{house.client.base_url}/")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="the good ones").click()
    expect(page.get_by_test_id("job-row")).to_have_count(2)
    assert page.url.endswith("?state=succeeded")
