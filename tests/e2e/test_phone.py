"""Every page on a phone: it never scrolls sideways, wide tables do so in frames that keys and readers reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import Window, opened
from tests.e2e.pages import HOSTILE, addresses, fill_one, served
from tests.server.filling import add_jobs
from tests.server.jobs.ground import experiment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PHONE = {"width": 390, "height": 844}
FIND_FAULTS = """() => {
  const page = document.documentElement
  const faults = page.scrollWidth > innerWidth ? [`the page is ${page.scrollWidth} px wide`] : []
  for (const table of document.querySelectorAll("table")) {
    const frame = table.closest("[role=region][aria-label][tabindex='0']")
    const isWide = table.getBoundingClientRect().width > innerWidth - 28
    if (frame && frame.scrollWidth > frame.clientWidth) {
      frame.focus()
      frame.scrollLeft = 1
      if (document.activeElement !== frame || frame.scrollLeft === 0) faults.push(`no scrolling: ${frame.ariaLabel}`)
    } else if (isWide && !frame) faults.push(`a wide table without a frame: ${table.className}`)
  }
  return faults
}"""
COUNT_WIDE = """() => [...document.querySelectorAll("[role=region][aria-label][tabindex='0']")]
  .filter((frame) => frame.scrollWidth > frame.clientWidth).length"""


def look_at(window: Window, pages: dict[str, str]) -> tuple[dict[str, list[str]], int]:
    """Return the faults of pages by name, and how many frames there were to scroll."""
    faults, num_wide = {}, 0
    for name, address in pages.items():
        window.visit(address)
        window.picture(f"phone-{name}")
        num_wide += window.page.evaluate(COUNT_WIDE)
        if found := window.page.evaluate(FIND_FAULTS):
            faults[name] = found
    return faults, num_wide


def test_no_page_scrolls_sideways_and_wide_tables_do(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "home") as (house, key):
        fill_one(house)
        add_jobs(house.ground.database, 1)
        waiting = house.client.post("/v1/jobs", json={"spec": experiment(), "name": HOSTILE["long"]}).json()["id"]
        with opened(browser, str(house.client.base_url), key, viewport=PHONE, has_touch=True) as window:
            ids = [job["id"] for job in house.client.get("/v1/jobs").json()["data"]]
            settings = {
                name: f"/settings/{name}" for name in ("webhooks", "projects", "uploads", "audit", "appearance")
            }
            more = {"compare": f"/compare?ids={','.join(ids)}", "method": "/components/methods/kd"}
            faults, num_wide = look_at(window, addresses(house) | settings | more | {"waiting": f"/jobs/{waiting}"})
            assert faults == {}
            assert num_wide >= 3


def test_the_theme_is_at_hand_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    with (
        served(tmp_path / "home") as (house, key),
        opened(browser, str(house.client.base_url), key, viewport=PHONE, color_scheme="light") as window,
    ):
        page = window.page
        window.visit("/queue")
        page.get_by_role("button", name="Theme").press("Enter")
        panel = page.get_by_role("group", name="Theme")
        assert window.find_barriers() == []
        box = panel.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        page.keyboard.press("Tab")
        expect(panel.get_by_role("radio", name="As the system has it")).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(panel.get_by_role("radio", name="Dark")).to_be_checked()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.keyboard.press("Escape")
        expect(panel).to_have_count(0)
        window.visit("/workers")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert window.find_barriers() == []
