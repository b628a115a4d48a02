"""Every page around the jobs in a real browser: nothing is complained of, and nothing keeps anybody out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import Window, opened
from tests.e2e.running import Up, running_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PLACES = {
    "/leaderboard": "Leaderboard",
    "/queue": "Queue",
    "/workers": "Workers",
    "/cache": "Teacher cache",
    "/components": "Components",
    "/components/methods/kd": "kd",
    "/components/recipes/fitnet": "fitnet",
    "/components/models/resnet8": "resnet8",
    "/components/datasets/digits": "digits",
    "/settings/keys": "Settings",
    "/settings/webhooks": "Settings",
    "/settings/projects": "Settings",
    "/settings/uploads": "Settings",
    "/settings/audit": "Settings",
    "/settings/appearance": "Settings",
    "/jobs/new?recipe=fitnet": "New job",
}
"""Pages, and the heading that says that each is there."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A whole service, started as a user starts it."""
    with running_up({"STILLHOUSE_HOME": str(tmp_path_factory.mktemp("home"))}) as up:
        yield up
        up.interrupt()


@pytest.fixture(params=[("light", 1400), ("dark", 1400), ("light", 390)], ids=["light", "dark", "phone"])
def window(browser: Browser, up: Up, request: pytest.FixtureRequest) -> Iterator[Window]:
    """The dashboard, opened; anything that the browser complains of fails the test."""
    scheme, width = request.param
    viewport = {"width": width, "height": 800}
    with opened(browser, up.url, up.key, color_scheme=scheme, viewport=viewport) as window:
        yield window


def test_every_page_is_there_fits_the_screen_and_keeps_nobody_out(window: Window) -> None:
    page = window.page
    for address, heading in PLACES.items():
        window.visit(address)
        expect(page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()
        assert window.find_barriers() == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_a_theme_that_is_chosen_is_there_before_the_first_paint(browser: Browser, up: Up) -> None:
    page = browser.new_page(color_scheme="light")
    page.goto(f"{up.url}/#token={up.key}")
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Appearance").click()
    page.get_by_label("Dark").check()
    page.route("**/assets/*.js", lambda route: route.abort())  # the page's own code never runs
    page.goto(up.url)
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.close()


def test_a_job_and_its_control_are_written_with_the_form_alone(browser: Browser, up: Up) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{up.url}/#token={up.key}")
    expect(page.get_by_role("link", name="New job")).to_be_visible()
    page.goto(f"{up.url}/jobs/new?view=form")
    page.get_by_test_id("recipe-choice").select_option("fitnet")
    page.get_by_label("hint epochs").fill("0")
    expect(page.get_by_label("hint epochs")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("hint epochs").fill("1")
    expect(page.get_by_test_id("dry-run")).to_contain_text("steps")
    page.get_by_test_id("with-control").check()
    page.get_by_test_id("spec-submit").click()
    page.wait_for_url("**/jobs/job_*")
    job_id = page.url.rpartition("/")[2]
    jobs = page.request.get(f"{up.url}/v1/jobs").json()["data"]
    [control, job] = [(job["labels"], job["summary"]["teachers"]) for job in jobs]
    assert job == ({}, ["resnet20"])
    assert control == ({"control_of": job_id}, [])
    for each in jobs:
        page.request.post(f"{up.url}/v1/jobs/{each['id']}/cancel", headers={"Authorization": f"Bearer {up.key}"})
    page.close()
