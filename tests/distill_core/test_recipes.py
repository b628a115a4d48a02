from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from distill_core.spec import check, parse_document

RECIPES = sorted(Path(str(files("distill_core") / "recipes")).glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_free_of_problems(path: Path) -> None:
    assert check(parse_document(path.read_bytes())) == []


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_opens_with_command_cost_expectation_and_paper(path: Path) -> None:
    header = path.read_text().partition("version:")[0]
    assert f"recipes/{path.name}" in header
    for word in ("# Cost", "# Expect", "# Paper"):
        assert word in header
    assert ("--smoke" in header) != path.stem.startswith("digits_")  # which take a minute as they are


def test_recipes_are_there() -> None:
    assert {"digits_kd", "cifar10_kd_r26_r8", "fashion_mnist_kd_r26_r8"} <= {path.stem for path in RECIPES}
