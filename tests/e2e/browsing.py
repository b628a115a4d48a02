"""A page of the dashboard in Chromium, with everything that it complains of, and what axe finds in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
SCREENSHOTS = ROOT / ".cache/screenshots"
SERIOUS = frozenset({"serious", "critical"})
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))
"""


@dataclass
class Window:
    """An open page of a dashboard that its person is signed in to."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def visit(self, address: str) -> None:
        """Go to an address of the dashboard and wait until nothing on it is loading any more."""
        self.page.goto(self.url + address)
        expect(self.page.locator("#main :is(h1, h2, .empty:not(.loading))").first).to_be_visible()
        expect(self.page.locator(".loading")).to_have_count(0)

    def picture(self, name: str) -> Path:
        """Keep a picture of the whole page as build output."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True, animations="disabled")
        return path

    def find_barriers(self) -> list[str]:
        """Return what axe calls serious or worse, with the places."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']}: {node['html'][:200]}"
            for violation in found["violations"]
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]


@contextmanager
def opened(browser: Browser, url: str, key: str, *, bears: str = "", **options: Any) -> Iterator[Window]:
    """Yield a page that has signed in with a key; the test fails at the end if it complained of anything.

    Complaints with `bears` in them are part of what is tested.
    """
    context = browser.new_context(**options)
    context.add_init_script(REPORT_VIOLATIONS)
    window = Window(context.new_page(), url)
    window.page.set_default_timeout(30_000)
    window.page.on(
        "console", lambda message: window.complaints.append(message.text) if message.type == "error" else None
    )
    window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
    window.page.goto(f"{url}/#token={key}")
    expect(window.page.get_by_role("link", name="New job")).to_be_visible()
    yield window
    context.close()
    assert [text for text in window.complaints if not bears or bears not in text] == []
