"""A person in a real browser: submits an experiment, watches its curve grow, downloads the student."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.running import Up, running_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SPEC = """
version: 1
name: from the browser
models: {student: {model: resnet8}}
data:
  train: {dataset: digits, split: train, num_samples: 400}
  test: {dataset: digits, split: test}
stages:
  - name: train
    student: student
    train: train
    validate_on: test
    epochs: 12
    batch_size: 16
    objective: {ce: {method: ce}}
    optimizer: {optimizer: sgd, lr: 0.05, momentum: 0.9}
evaluation: {stream: test}
"""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A whole service, started as a user starts it."""
    with running_up({"STILLHOUSE_HOME": str(tmp_path / "home")}) as up:
        yield up
        up.interrupt()


@pytest.fixture
def page(browser: Browser, up: Up) -> Iterator[Page]:
    """The dashboard, opened; anything that the browser complains of fails the test."""
    complaints: list[str] = []
    page = browser.new_page()
    page.set_default_timeout(90_000)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{up.url}/#token={up.key}")
    expect(page.get_by_role("link", name="New job")).to_be_visible()
    yield page
    page.close()
    assert complaints == []


def write_spec(page: Page, text: str) -> None:
    """Put a text in the place of what is in the editor, which draws only the lines in sight."""
    page.get_by_test_id("spec-input").focus()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def test_a_person_submits_watches_the_curve_and_downloads_the_student(page: Page, up: Up, tmp_path: Path) -> None:
    page.goto(f"{up.url}/jobs/new")
    write_spec(page, SPEC.replace("resnet8", "resnt8"))
    expect(page.get_by_test_id("spec-problems")).to_contain_text("resnet8")

    write_spec(page, SPEC)
    page.get_by_test_id("spec-submit").click()
    page.wait_for_url(re.compile(r"/jobs/job_"))
    expect(page.get_by_test_id("stream-state")).to_have_attribute("data-state", "live")

    chart = page.locator('[data-testid=chart][data-key="train/loss"]')
    page.wait_for_function(
        """() => {
          const chart = document.querySelector('[data-testid=chart][data-key="train/loss"]')
          const points = Number(chart?.dataset.points ?? 0)
          window.firstPoints ??= points >= 2 ? points : undefined
          return window.firstPoints && points > window.firstPoints
        }"""
    )
    expect(page.get_by_test_id("job-state")).to_have_text(re.compile("succeeded"), timeout=120_000)
    expect(chart).to_have_attribute("data-points", re.compile(r"\d\d"))

    link = page.locator('[data-testid=artifact-download][data-kind="student"]').first
    with page.expect_download() as download:
        link.click()
    target = tmp_path / "student.safetensors"
    download.value.save_as(target)
    job_id = page.url.split("/jobs/")[1].split("?")[0]
    artifacts = page.request.get(f"{up.url}/v1/jobs/{job_id}/artifacts").json()["data"]
    [digest] = [artifact["sha256"] for artifact in artifacts if artifact["kind"] == "student"]
    assert hashlib.sha256(target.read_bytes()).hexdigest() == digest

    page.goto(up.url)
    expect(page.get_by_test_id("job-row")).to_have_count(1)
    expect(page.get_by_test_id("job-row")).to_contain_text("from the browser")


def test_eight_tabs_share_one_stream(browser: Browser, up: Up) -> None:
    """Browsers open six connections to a host; a stream for each tab would hang the seventh."""
    context = browser.new_context()
    tabs = [context.new_page() for _ in range(8)]
    tabs[0].goto(f"{up.url}/#token={up.key}")
    expect(tabs[0].get_by_role("link", name="New job")).to_be_visible()
    for tab in tabs[1:]:
        tab.goto(up.url)
        expect(tab.get_by_role("heading", name="No jobs yet")).to_be_visible()
    metrics = httpx.get(f"{up.url}/metrics").text
    assert "stillhouse_streams_open 1.0" in metrics.splitlines()
    context.close()
