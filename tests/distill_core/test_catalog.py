from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from distill_core.catalog import find_stale_files
from distill_core.cli import main
from distill_core.datasets import DATASETS
from distill_core.methods import METHODS
from distill_core.models import MODELS
from distill_core.spec import ExperimentSpec, resolve
from distill_core.spec.catalog import load_catalog
from distill_core.spec.recipes import RECIPES


def test_the_generated_files_are_fresh() -> None:
    assert find_stale_files() == []


def test_every_registered_component_is_listed() -> None:
    catalog = load_catalog()
    assert set(catalog.models) == set(MODELS)
    assert set(catalog.datasets) == set(DATASETS)
    assert set(catalog.methods) == set(METHODS)
    assert set(catalog.recipes) == set(RECIPES)


def test_every_recipe_names_its_paper_and_its_example_is_a_spec_with_it() -> None:
    for name, entry in load_catalog().recipes.items():
        assert re.search(r"\b(19|20)\d\d\b", entry.paper), name
        if entry.example is not None:
            resolved = resolve(entry.example)
            assert resolved.recipe is not None
            assert resolved.recipe.name == name


def test_the_options_of_recipes_refer_to_parts_of_the_specs_schema_or_bring_them() -> None:
    parts = set(ExperimentSpec.model_json_schema()["$defs"])
    for name, entry in load_catalog().recipes.items():
        named = set(re.findall(r"#/\$defs/(\w+)", json.dumps(entry.params)))
        assert "SGD" in named
        assert named <= parts | set(entry.params.get("$defs", {})), name


def test_the_cost_of_kd_is_the_measure_of_all_others() -> None:
    costs = {name: entry.cost for name, entry in load_catalog().methods.items()}
    assert costs["kd"] == 1
    assert [name for name, cost in costs.items() if cost is not None and not 0.1 < cost < 100] == []


def test_models_list_module_paths_that_their_feature_points_name() -> None:
    for entry in load_catalog().models.values():
        assert set(entry.feature_points.values()) <= set(entry.module_paths)
        assert set(entry.derived) == {"num_classes", "in_channels", "image_size"}


def test_the_command_tells_stale_files_and_writes_fresh_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("distill_core.catalog.FOLDER", tmp_path)
    assert main(["catalog", "--check"]) == 1
    assert "models.json is stale" in capsys.readouterr().out
    assert main(["catalog"]) == 0
    assert main(["catalog", "--check"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{kind}.json" for kind in ("models", "datasets", "methods", "recipes")
    }
