"""The reference page is made from the spec's own models and is kept fresh."""

from __future__ import annotations

import json
from pathlib import Path

from distill_core.spec import method_page
from distill_core.spec.catalog import load_catalog
from distill_core.spec.reference import PAGE, render_reference

ROOT = Path(__file__).parents[3]


def test_the_reference_page_is_fresh() -> None:
    assert (ROOT / PAGE).read_text("utf-8") == render_reference(), "run `python -m distill_core.spec.reference`"


def test_every_field_of_the_reference_says_what_it_is() -> None:
    rows = [line.split(" | ") for line in render_reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert [row[0] for row in rows if not row[-1].strip(" |")] == []


def test_the_page_of_the_methods_is_fresh() -> None:
    costs = json.loads((ROOT / method_page.COSTS).read_text("utf-8"))
    page = (ROOT / method_page.PAGE).read_text("utf-8")
    assert page == method_page.render_page(costs), "run `python -m distill_core.spec.method_page`"


def test_the_cost_of_every_method_has_been_measured() -> None:
    costs = json.loads((ROOT / method_page.COSTS).read_text("utf-8"))
    assert set(load_catalog().methods) <= set(costs["methods"])
