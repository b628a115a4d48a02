"""A sweep in a real browser: written beside the spec, submitted, watched until its trials have succeeded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import opened
from tests.e2e.running import Up, running_up
from tests.e2e.test_dashboard import SPEC, write_spec

HELD_OUT = (
    SPEC.replace("epochs: 12", "epochs: 1")
    .replace("validate_on: test", "validate_on: val")
    .replace("  test:", "  val: {dataset: digits, hold_out: {ratio: 0.1, part: held_out}}\n  test:")
)
"""What a rate is chosen by is not what it is tested on."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A whole service, started as a user starts it."""
    with running_up({"STILLHOUSE_HOME": str(tmp_path / "home")}) as up:
        yield up
        up.interrupt()


def test_a_sweep_of_two_trials_is_submitted_and_brings_its_best_student(browser: Browser, up: Up) -> None:
    with opened(browser, up.url, up.key, accept_downloads=True) as window:
        page = window.page
        window.visit("/sweeps")
        page.locator("#main").get_by_role("link", name="New sweep").click()
        write_spec(page, HELD_OUT)
        axis = page.get_by_role("group", name="Axis 1", exact=True)
        axis.get_by_label(re.compile("^place")).fill("/stages/0/optimizer/lr")
        axis.get_by_label("values").fill("0.0001, 0.05")
        expect(axis).to_contain_text("now 0.05")
        expect(page.get_by_test_id("sweep-plan")).to_contain_text("2 trials, 50 steps in all")
        assert window.find_barriers() == []
        window.picture("sweep-written")
        page.get_by_role("button", name="Submit the sweep").click()

        page.wait_for_url(re.compile(r"/sweeps/swp_"))
        trials = page.get_by_test_id("trial")
        expect(trials).to_have_count(2)
        expect(page.get_by_test_id("sweep-states")).to_have_text("2 succeeded", timeout=150_000)
        best = page.get_by_test_id("best-trial")
        expect(best).to_contain_text("lr 0.05")
        expect(trials.first).to_contain_text("best")
        ends = page.get_by_test_id("overlay").locator("output")
        expect(ends).to_have_text([re.compile(r"\d %")] * 2)  # both curves are drawn to their ends
        with page.expect_download() as download:
            best.get_by_role("link", name=re.compile("Download the student")).click()
        assert download.value.path().stat().st_size > 100_000
        assert window.find_barriers() == []
        window.picture("sweep-over")

        page.get_by_role("link", name="Trial 2", exact=True).click()
        expect(page.get_by_test_id("job-sweep")).to_have_text(re.compile("trial 2 of 2 of sweep from the browser"))
        page.get_by_test_id("job-sweep").click()
        page.get_by_role("link", name="its 2 jobs").click()
        expect(page.get_by_role("list", name="Filters that are on")).to_contain_text("sweep: swp_")
        expect(page.get_by_role("link", name=re.compile("^from the browser: lr"))).to_have_count(2)
