"""Every page of the dashboard with 0, 1 and 300 jobs and with a million points: no complaint, no barrier, a picture."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from server.jobs.states import State
from tests.e2e.browsing import ROOT, Window, opened
from tests.server.filling import add_jobs, add_points
from tests.server.house import House, open_served_house, sign
from tests.server.jobs.ground import experiment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PAGES_FILE = ROOT / "web/src/pages.tsx"
JOB_PAGE = ROOT / "web/src/job/JobPage.tsx"
STATIC = ROOT / "server/static"
HOSTILE = {
    "markup": '<img src=x onerror="alert(1)"><script>alert(2)</script>{{7*7}}',
    "right-to-left": "\u202egnp.tneduts\u202c שלום עולם مرحبا",
    "emoji": "👩‍🔬🧪⚗️ " * 20,
    "long": "x" * 255,
    "words": "distil " * 36,
}
NOTES = "<b>notes</b> " + "ö" * 9_980
DESCRIPTION = "</script><svg onload=alert(3)>" + "w" * 4_000


def places() -> list[str]:
    """Return the addresses that the navigation leads to."""
    return re.findall(r'href: "(/[^"]*)"', PAGES_FILE.read_text(encoding="utf-8"))


def tabs() -> list[str]:
    """Return the tabs of a job's page."""
    table = re.search(r"const TABS = \{(.*?)\n\}", JOB_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert table is not None
    return re.findall(r"^  (\w+): \{", table[1], re.MULTILINE)


def addresses(house: House) -> dict[str, str]:
    """Return a name and an address for each page, for the jobs that there are."""
    found = {place.strip("/").replace("/", "-") or "jobs": place for place in [*places(), "/jobs/new"]}
    jobs = [job["id"] for job in house.client.get("/v1/jobs", params={"limit": 5}).json()["data"]]
    if jobs:
        found |= {f"job-{tab}": f"/jobs/{jobs[0]}?tab={tab}" for tab in tabs()}
    return found


def fill_one(house: House) -> str:
    """Give the house a job that has run to its end with curves, a log and a student; return its id."""
    claim = house.start_job()
    house.start_run(claim)
    house.measure(
        claim,
        {
            step: {"train/loss": 2 / step, "train/ce": 1.5 / step, "train/kd": 0.5 / step, "train/lr": 0.1}
            | ({"valid/accuracy": 1 - 1 / step, "valid/agreement": 1 - 0.9 / step} if step % 10 == 0 else {})
            for step in range(1, 201)
        },
    )
    text = "".join(f"step {step}: loss {2 / step:.4f}\n" for step in range(1, 201)).encode()
    house.write_log(claim, 0, text)
    house.succeed(claim, house.store(b"weights" * 100), log=text)
    return claim.job_id


def fill_many(house: House) -> str:
    """Give the house 300 jobs in all states, some with hostile names, and a million points; return the latter's id."""
    fill_one(house)
    add_jobs(house.ground.database, 300 - 1 - 1 - len(HOSTILE))
    for name in HOSTILE.values():
        document = {"spec": _hostile_spec(name), "name": name, "labels": {"team": name}}
        response = house.client.post("/v1/jobs", json=document)
        assert response.status_code == 201, response.text
        noted = house.client.patch(f"/v1/jobs/{response.json()['id']}", json={"notes": NOTES})
        assert noted.status_code == 200, noted.text
    [long] = add_jobs(house.ground.database, 1, State.SUCCEEDED)
    add_points(house.ground.database, [long], 1_000_000)
    return long


def _hostile_spec(name: str) -> dict[str, Any]:
    return experiment() | {"name": name[:128], "description": DESCRIPTION}


@contextmanager
def served(home: Path) -> Iterator[tuple[House, str]]:
    """Yield a service on SQLite and a key of it."""
    with open_served_house({"STILLHOUSE_HOME": str(home)}) as house:
        yield house, sign(house.service)["Authorization"].removeprefix("Bearer ")


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
