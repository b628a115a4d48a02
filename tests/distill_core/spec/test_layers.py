"""`auto` gives the paper's places, and is refused where the models do not answer it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from distill_core.spec import check, resolve
from distill_core.spec.catalog import Entry, load_catalog
from distill_core.spec.components import fill_defaults
from distill_core.spec.config import Config
from distill_core.spec.layers import fill_places, find_unfilled
from distill_core.spec.place import AUTO, Paths, auto_places

PAPERS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "data/paper_places.yaml").read_text())
METHODS = load_catalog().methods

THREE = ("stem", "stage1", "stage2", "stage3", "pooled", "logits")
FOUR = ("stem", "stage1", "stage2", "stage3", "stage4", "pooled", "logits")


def fill(rule: str, student: tuple[str, ...], teacher: tuple[str, ...], *, is_single: bool = False) -> Any:
    """Return what `auto` means for the student."""
    field = {"place_of" if is_single else "places_of": "student", "auto": rule}
    entry = Entry(summary="", params={"properties": {"student_places": field}})
    return fill_places(entry, {"student_places": "auto"}, student, teacher)["student_places"]


@pytest.mark.parametrize(
    ("rule", "place"), [("first", "stage1"), ("middle", "stage2"), ("last", "stage3"), ("pooled", "pooled")]
)
def test_a_rule_of_one_place_gives_one(rule: str, place: str) -> None:
    assert fill(rule, THREE, FOUR, is_single=True) == place


def test_places_of_unequal_models_are_paired_from_the_end() -> None:
    assert fill("stages", THREE, FOUR) == ["stage1", "stage2", "stage3"]
    assert fill("stages", FOUR, THREE) == ["stage2", "stage3", "stage4"]
    assert fill("maps.pre", THREE, THREE) == ["stem.pre", "stage1.pre", "stage2.pre", "stage3.pre"]
    assert fill("stages+pooled", THREE, THREE) == ["stage1", "stage2", "stage3", "pooled"]
    assert fill("pairs", THREE, THREE) == [["stem", "stage1"], ["stage1", "stage2"], ["stage2", "stage3"]]


def list_auto(entry: Entry) -> list[str]:
    """Return the options of a method whose places follow from the models."""
    return [name for name, schema in entry.params.get("properties", {}).items() if "auto" in schema]


def test_every_method_with_places_of_its_own_is_among_those_of_the_papers() -> None:
    assert [key for key, entry in METHODS.items() if list_auto(entry)] == sorted(PAPERS)


@pytest.mark.parametrize("key", PAPERS)
def test_auto_gives_a_method_the_places_of_its_paper(key: str) -> None:
    entry = METHODS[key]
    filled = fill_places(entry, fill_defaults(entry, {}), THREE, THREE)
    for name in list_auto(entry):
        role = "teacher" if name.startswith("teacher") else "places"
        assert filled[name] == PAPERS[key].get(role, PAPERS[key]["places"])


def document(**params: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "x",
        "models": {"teacher": {"model": "resnet14"}, "student": {"model": "resnet8"}},
        "data": {"train": {"dataset": "digits"}},
        "stages": [
            {
                "name": "distil",
                "student": "student",
                "teachers": ["teacher"],
                "train": "train",
                "epochs": 1,
                "batch_size": 8,
                "optimizer": {"optimizer": "adam", "lr": 0.1},
                "objective": {"fsp": {"method": "fsp", "params": params}},
            }
        ],
    }


def params_of(given: dict[str, Any]) -> Any:
    return resolve(given).stages[0].objective["fsp"].params


def test_the_resolved_spec_shows_what_auto_means() -> None:
    pairs = [["stem", "stage1"], ["stage1", "stage2"], ["stage2", "stage3"]]
    assert params_of(document())["student_pairs"] == params_of(document())["teacher_pairs"] == pairs


def test_who_names_the_places_of_one_model_means_those_of_the_other_too() -> None:
    assert params_of(document(student_pairs=[["stem", "stage3"]]))["teacher_pairs"] == [["stem", "stage3"]]


def test_places_without_a_partner_are_refused_where_they_stand() -> None:
    one, two = [["stem", "stage3"]], [["stem", "stage3"], ["stem", "stage1"]]
    (problem,) = check(document(student_pairs=one, teacher_pairs=two))
    assert (problem.pointer, problem.code) == ("/stages/0/objective/fsp/params/teacher_pairs", "places_unpaired")


class AllWithAll(Config):
    """Options of a method that compares every map of the student with every one of the teacher."""

    student_places: Paths = auto_places("student", "stages", "Maps.", paired=False)
    teacher_places: Paths = auto_places("teacher", "stages", "Maps.", paired=False)


def test_places_that_need_no_partner_may_be_of_any_number() -> None:
    entry = Entry(summary="", params=AllWithAll.model_json_schema())
    written = {"student_places": ["stage1"], "teacher_places": ["stage1", "stage2"]}
    assert list(find_unfilled("", entry, written)) == []
    (problem,) = find_unfilled("", entry, written | {"teacher_places": AUTO})
    assert (problem.pointer, problem.code) == ("/params/teacher_places", "places_unknown")


def test_a_layer_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    (problem,) = check(document(student_pairs=[["stem", "stag3"]], teacher_pairs=[["stem", "stage3"]]))
    assert problem.pointer == "/stages/0/objective/fsp/params/student_pairs/0/1"
    assert "stage3" in problem.nearest
