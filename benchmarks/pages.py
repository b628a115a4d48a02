"""How soon each page of the dashboard is of use, and how smoothly a list of 10,000 jobs scrolls.

    PYTHONPATH=. python benchmarks/pages.py --save

The service runs on SQLite in this process, Chromium beside it on the same cores. A page counts as useful once it has
its heading and nothing on it is loading any more; the time is the browser's, from the start of the navigation, and of
each page the median of several visits with the scripts in the browser's cache. `first_ms` is the first visit of all,
without any cache: sign-in, scripts, list of jobs. Beside it stands the time to an answer of the server that does
nothing (`/healthz`), so that the load of the machine can be told from the page.

`scrolling` opens the list of 10,000 jobs and scrolls as fast as the wheel of a hurried person, 400 pixels a frame, down
to the last job while further pages are loaded, then back up through what is there; last come leaps to random places.
Of each it has the time between frames, and of the whole the rows that the document holds and the memory of the scripts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
from pairs import make_parser, report
from playwright.sync_api import Browser

from tests.e2e.browsing import Window, opened
from tests.e2e.pages import addresses, fill_many, fill_one, served
from tests.server.filling import add_jobs
from tests.server.house import House
from tests.services.chromium import find_chromium, open_browser

FILLINGS: dict[str, Callable[[House], Any]] = {"no job": lambda _: None, "one job": fill_one, "300 jobs": fill_many}
MILLION = "300 jobs"
"""The filling whose answer is the job of a million points."""

USEFUL = (
    """() => document.querySelector('#main h1') && !document.querySelector('#main .loading') ? performance.now() : 0"""
)
SCROLL = """
async (step) => {
  const frame = document.querySelector('[data-testid=job-frame]');
  const isEnd = () => step < 0 ? frame.scrollTop === 0 : frame.querySelector('table').ariaRowCount !== '-1'
    && frame.scrollTop + frame.clientHeight >= frame.scrollHeight - 1;
  const times = [];
  for (let last = await new Promise(requestAnimationFrame); !isEnd();) {
    frame.scrollTop += step;
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times;
}
"""
LEAP = """
async (part) => {
  const frame = document.querySelector('[data-testid=job-frame]');
  const isDrawn = () => {
    const box = frame.getBoundingClientRect();
    const middle = document.elementFromPoint(box.left + 200, box.top + box.height / 2);
    return middle?.closest('tr:not(.gap)');
  };
  const start = performance.now();
  frame.scrollTop = part * (frame.scrollHeight - frame.clientHeight);
  do await new Promise(requestAnimationFrame); while (!isDrawn());
  return performance.now() - start;
}
"""


def visit(window: Window, address: str) -> float:
    """Return the milliseconds from the start of a navigation until the page is useful."""
    window.page.goto(window.url + address, wait_until="commit")
    return float(window.page.wait_for_function(USEFUL, polling=5).json_value())


def measure(browser: Browser, home: Path, filling: str, visits: int) -> dict[str, Any]:
    """Return the times of every page of a service."""
    with served(home) as (house, key):
        job_id = FILLINGS[filling](house)
        start = time.perf_counter()
        with opened(browser, str(house.client.base_url).rstrip("/"), key) as window:
            first = 1000 * (time.perf_counter() - start)
            pages = addresses(house)
            if filling == MILLION:
                pages["job-of-a-million-points"] = f"/jobs/{job_id}"
            found = {name: sorted(visit(window, address) for _ in range(visits)) for name, address in pages.items()}
            health = [httpx.get(f"{window.url}/healthz").elapsed.total_seconds() * 1000 for _ in range(20)]
    times = {name: {"median_ms": round(median(each)), "longest_ms": round(each[-1])} for name, each in found.items()}
    return {"first_ms": round(first), "healthz_ms": round(median(health), 1), "pages": times}


def scroll(browser: Browser, home: Path, num_jobs: int) -> dict[str, Any]:
    """Return how a list of many jobs scrolls, down while it is loaded, up, and by leaps."""
    with served(home) as (house, key):
        add_jobs(house.ground.database, num_jobs)
        with opened(browser, str(house.client.base_url).rstrip("/"), key) as window:
            visit(window, "/")
            page = window.page
            down, up = (_frames(page.evaluate(SCROLL, step)) for step in (400, -400))
            leaps = sorted(page.evaluate(LEAP, number * 0.618 % 1) for number in range(1, 41))
            rows = page.locator("table.runs tbody tr:not(.gap)").count()
            heap = page.evaluate("() => performance.memory.usedJSHeapSize")
    return {
        "jobs": num_jobs,
        "down_while_loading": down,
        "up": up,
        "leap": {"median_ms": round(median(leaps)), "longest_ms": round(leaps[-1])},
        "rows_in_document": rows,
        "heap_mib": round(heap / 2**20),
    }


def _frames(times: list[float]) -> dict[str, float]:
    """Return what the times between frames come to."""
    return {
        "seconds": round(sum(times) / 1000, 1),
        "frames": len(times),
        "median_ms": round(median(times), 1),
        "p95_ms": round(quantiles(times, n=20)[18], 1),
        "longest_ms": round(max(times)),
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = make_parser(__doc__)
    parser.add_argument("--visits", type=int, default=7, help="visits of each page")
    options = parser.parse_args()
    visits = 2 if options.quick else options.visits
    with tempfile.TemporaryDirectory() as folder, open_browser(find_chromium()) as browser:
        found = {
            filling: measure(browser, Path(folder) / str(number), filling, visits)
            for number, filling in enumerate(FILLINGS)
        }
        scrolling = scroll(browser, Path(folder) / "scrolling", 500 if options.quick else 10_000)
    report(options, {"visits": visits, "fillings": found, "scrolling": scrolling})


if __name__ == "__main__":
    main()
