from __future__ import annotations

import os
from pathlib import Path

from server.jobs.states import LEASED, MOVES, TERMINAL, VERBS, State, verbs_of

PAGE = Path(__file__).parents[3] / "docs/service.md"
BEGIN, END = "<!-- states -->\n", "<!-- /states -->\n"


def _table() -> str:
    rows = ["| state | may go to | people may ask to | a worker holds it | over |", "|---|---|---|---|---|"]
    for state in State:
        targets = ", ".join(target for target in State if target in MOVES[state]) or "-"
        verbs = ", ".join(f"{verb} (→ {VERBS[verb][state]})" for verb in verbs_of(state)) or "-"
        rows.append(f"| {state} | {targets} | {verbs} | {_tick(state in LEASED)} | {_tick(state in TERMINAL)} |")
    return "\n".join(rows) + "\n"


def _tick(is_so: bool) -> str:
    return "yes" if is_so else ""


def test_the_page_of_the_service_shows_the_table_of_states() -> None:
    """Set WRITE_DOCS=1 to write the table into the page."""
    text = PAGE.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(before + BEGIN + _table() + END + after, "utf-8")
    assert PAGE.read_text("utf-8") == before + BEGIN + _table() + END + after
