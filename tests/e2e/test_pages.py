"""Every page of the dashboard with 0, 1 and 300 jobs and with a million points: no complaint, no barrier, a picture."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import ROOT, Window, opened
from tests.e2e.pages import HOSTILE, addresses, fill_many, fill_one, served
from tests.server.house import House

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STATIC = ROOT / "server/static"


@contextmanager
def looking(browser: Browser, house: House, key: str, theme: str) -> Iterator[Window]:
    with opened(browser, str(house.client.base_url), key, color_scheme=theme) as window:
        yield window


def look_at(window: Window, pages: dict[str, str], name: str) -> None:
    """Visit pages, keep a picture of each, and let axe look for barriers."""
    barriers = {}
    for page, address in pages.items():
        window.visit(address)
        window.picture(f"{name}-{page}")
        if found := window.find_barriers():
            barriers[page] = found
    assert barriers == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_without_a_job(browser: Browser, tmp_path: Path, theme: str) -> None:
    with served(tmp_path / "home") as (house, key), looking(browser, house, key, theme) as window:
        look_at(window, addresses(house), f"none-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_with_a_job(browser: Browser, tmp_path: Path, theme: str) -> None:
    with served(tmp_path / "home") as (house, key):
        fill_one(house)
        with looking(browser, house, key, theme) as window:
            look_at(window, addresses(house), f"one-{theme}")


def test_pages_with_many_jobs_hostile_names_and_a_million_points(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "home") as (house, key):
        long = fill_many(house)
        with looking(browser, house, key, "light") as window:
            dialogs: list[str] = []
            window.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
            look_at(window, addresses(house), "many")
            for number, name in enumerate(HOSTILE.values()):
                found = house.client.get("/v1/jobs", params={"q": name[:40]}).json()["data"]
                [job] = [job for job in found if job["name"] == name]
                window.visit(f"/jobs/{job['id']}")
                expect(window.page.locator("#main h1").first).to_contain_text(name.strip()[:30])
                width = window.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert width <= 0, f"{name[:40]!r} makes the page {width} px too wide"
                assert window.page.locator("img[src=x], svg[onload]").count() == 0
                window.picture(f"hostile-{number}")
            window.visit(f"/jobs/{long}")
            expect(window.page.get_by_test_id("chart").first).to_have_attribute("data-points", re.compile(r"\d{3}"))
            window.picture("million")
            assert dialogs == []


def test_the_first_load_is_small() -> None:
    """What the page of jobs needs before it shows anything: scripts that the page names, and what these import."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    wanted = set(re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', page))
    known: set[str] = set()
    while new := wanted - known:
        known |= new
        for name in new:
            source = (STATIC / name).read_text(encoding="utf-8")
            wanted |= {f"assets/{other}" for other in re.findall(r'from"\./([^"]+\.js)"', source)}
    assert sum(len(gzip.compress((STATIC / name).read_bytes())) for name in known) < 200_000


def test_an_address_that_is_no_page_says_where_to_go(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "home") as (house, key), looking(browser, house, key, "light") as window:
        window.visit("/nowhere")
        expect(window.page.locator("#main")).to_contain_text("Nothing lives at /nowhere")
        expect(window.page.locator("#main").get_by_role("link", name="See all jobs")).to_be_visible()
