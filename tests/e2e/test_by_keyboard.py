"""From nothing to downloaded weights with the keys of a keyboard alone."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import opened
from tests.e2e.running import running_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NAME_OF_FOCUS = """() => {
  const element = document.activeElement
  const label = element.labels?.[0]?.textContent ?? ""
  return `${element.tagName.toLowerCase()}: ${element.getAttribute("aria-label") ?? ""} ${label} ${element.textContent}`
}"""
MOST_TABS = 150


def tab_to(page: Page, pattern: str) -> None:
    """Press Tab until what has the focus is called so."""
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(NAME_OF_FOCUS)[:60])
        if re.search(pattern, passed[-1]):
            return
    raise AssertionError(f"{MOST_TABS} tabs lead to nothing called {pattern!r}, but to {passed}")


def replace_text(page: Page, text: str) -> None:
    """Type over what is in the field."""
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def test_an_experiment_is_submitted_watched_and_downloaded_without_a_mouse(browser: Browser, tmp_path: Path) -> None:
    with (
        running_up({"STILLHOUSE_HOME": str(tmp_path / "home")}) as up,
        opened(browser, up.url, up.key, accept_downloads=True) as window,
    ):
        page = window.page
        expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
        tab_to(page, "^a: .*New job")
        page.keyboard.press("Enter")

        expect(page.get_by_test_id("spec-submit")).to_be_visible()
        tab_to(page, "^input: .*name")
        replace_text(page, "by hand")
        tab_to(page, "^input: .*epochs")
        replace_text(page, "1")
        expect(page.get_by_test_id("dry-run")).to_contain_text("steps")
        page.keyboard.press("Control+Home")
        page.evaluate("document.activeElement.blur()")
        tab_to(page, "^button: .*Submit")
        page.keyboard.press("Enter")

        page.wait_for_url(re.compile(r"/jobs/job_"))
        expect(page.get_by_role("heading", name="by hand")).to_be_visible()
        expect(page.get_by_test_id("job-state")).to_have_text(re.compile("succeeded"), timeout=200_000)
        download = page.locator('[data-testid=artifact-download][data-kind="student"]').first
        expect(download).to_be_visible()
        tab_to(page, "Download the student")
        with page.expect_download() as started:
            page.keyboard.press("Enter")
        target = tmp_path / "student.safetensors"
        started.value.save_as(target)
        artifacts = page.request.get(f"{up.url}/v1/jobs/{page.url.split('/jobs/')[1][:30]}/artifacts").json()["data"]
        [digest] = [artifact["sha256"] for artifact in artifacts if artifact["kind"] == "student"]
        assert hashlib.sha256(target.read_bytes()).hexdigest() == digest
        up.interrupt()
