"""The reference page is made from the spec's own models and is kept fresh."""

from __future__ import annotations

from pathlib import Path

from distill_core.spec.reference import PAGE, render_reference

ROOT = Path(__file__).parents[3]


def test_the_reference_page_is_fresh() -> None:
    assert (ROOT / PAGE).read_text("utf-8") == render_reference(), "run `python -m distill_core.spec.reference`"


def test_every_field_of_the_reference_says_what_it_is() -> None:
    rows = [line.split(" | ") for line in render_reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert [row[0] for row in rows if not row[-1].strip(" |")] == []
