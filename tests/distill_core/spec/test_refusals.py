"""What cannot work is refused at submission, at the place where it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from distill_core.errors import SpecError
from distill_core.spec import check, parse_document
from distill_core.spec.catalog import load_catalog

TERM = "/stages/0/objective/term"


def document(method: str, params: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a spec of one stage with one method."""
    views = changes.pop("views", {"main": {}})
    teacher = {"model": "resnet14", "params": changes.pop("teacher", {})}
    stage = {
        "name": "distil",
        "student": "student",
        "teachers": ["teacher"],
        "train": "train",
        "epochs": 2,
        "batch_size": 8,
        "optimizer": {"optimizer": "adam", "lr": 0.1},
        "objective": {"term": {"method": method, "params": params or {}}},
    }
    return {
        "version": 1,
        "name": "refused",
        "models": {"teacher": teacher, "student": {"model": "resnet8"}},
        "data": {"train": {"dataset": "digits", "views": views}},
        "stages": [stage | changes],
    }


def pointers(given: dict[str, Any]) -> list[str]:
    return [problem.pointer for problem in check(given)]


METHODS = load_catalog().methods
OPTIONS = {key: entry.params.get("properties", {}) for key, entry in METHODS.items()}


def find_options(*types: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return every option of every method whose schema is of one of these types."""
    return [
        (key, name, schema)
        for key, options in OPTIONS.items()
        for name, schema in options.items()
        if schema.get("type") in types
    ]


@pytest.mark.parametrize("method", ["kd", "dkd", "dist", "mkd", "fkd", "crd", "tfkd_reg"])
def test_a_temperature_below_zero(method: str) -> None:
    assert pointers(document(method, {"temperature": -1.0})) == [f"{TERM}/params/temperature"]


@pytest.mark.parametrize(("method", "option", "schema"), find_options("number", "integer"))
def test_a_number_out_of_its_bounds(method: str, option: str, schema: dict[str, Any]) -> None:
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", min(schema.get("enum", [0]))))
    highest = schema.get("maximum", schema.get("exclusiveMaximum", max(schema.get("enum", [0]))))
    for value in (lowest - 1, highest + 1, "many"):
        (problem,) = [found for found in check(document(method, {option: value})) if "/params/" in found.pointer]
        assert problem.pointer == f"{TERM}/params/{option}"
        assert problem.value == value


@pytest.mark.parametrize(
    ("method", "option", "schema"), [found for found in find_options("string", "array") if "auto" in found[2]]
)
def test_a_layer_that_does_not_exist_in_any_option(method: str, option: str, schema: dict[str, Any]) -> None:
    wrong: Any = "nowhere"
    place = f"{TERM}/params/{option}"
    if schema["type"] == "array":
        is_pair = "pairs" in option
        wrong, place = (
            ([["nowhere", "stage1"]] if is_pair else ["nowhere"]),
            f"{place}/0/0" if is_pair else f"{place}/0",
        )
    assert place in pointers(document(method, {option: wrong}))


@pytest.mark.parametrize("method", [key for key, entry in METHODS.items() if entry.smallest_batch > 1])
def test_a_batch_smaller_than_a_method_needs(method: str) -> None:
    size = METHODS[method].smallest_batch
    assert "/stages/0/batch_size" in pointers(document(method, batch_size=size - 1))
    assert "/stages/0/batch_size" not in pointers(document(method, batch_size=size))


@pytest.mark.parametrize("method", [key for key, entry in METHODS.items() if entry.same_classes])
def test_any_method_that_compares_classes_with_a_teacher_of_other_ones(method: str) -> None:
    problems = [found for found in check(document(method, teacher={"num_classes": 7})) if found.pointer == TERM]
    assert "classes_differ" in {found.code for found in problems}


@pytest.mark.parametrize(
    ("method", "params", "place"),
    [
        ("ickd", {"student_place": "stage9"}, "student_place"),
        ("at", {"teacher_places": ["stage1", "stag2"], "student_places": ["stage1", "stage2"]}, "teacher_places/1"),
        ("ofd", {"student_places": ["stage8.pre"], "teacher_places": ["stage1.pre"]}, "student_places/0"),
        ("loss", {"input": {"of": "student", "path": "nowhere"}}, "input/path"),
    ],
)
def test_a_layer_that_does_not_exist(method: str, params: dict[str, Any], place: str) -> None:
    assert pointers(document(method, params)) == [f"{TERM}/params/{place}"]


@pytest.mark.parametrize(("method", "size"), [("rkd", 2), ("spkd", 1), ("pkt", 1), ("darkrank", 4), ("cckd", 1)])
def test_a_batch_too_small_for_relations(method: str, size: int) -> None:
    assert pointers(document(method, batch_size=size)) == ["/stages/0/batch_size"]


@pytest.mark.parametrize("method", ["kd", "dkd", "dist", "mkd", "skd", "dist_plus", "fkd"])
def test_a_teacher_of_other_classes(method: str) -> None:
    assert pointers(document(method, teacher={"num_classes": 7})) == [TERM]


def test_a_view_that_the_stream_does_not_have() -> None:
    assert pointers(document("uda", {"strong_view": "stronger"})) == [f"{TERM}/params/strong_view"]
    assert pointers(document("mlkd")) == [f"{TERM}/params/strong_view"]


def test_a_cache_that_cannot_be_exact() -> None:
    crop = {"main": {"transforms": [{"transform": "random_crop", "padding": 1}]}}
    cached = {"cache": {"mode": "on"}}
    assert pointers(document("kd", views=crop, **cached)) == ["/data/train/views/main/variants"]
    assert pointers(document("kd", views={"main": {**crop["main"], "variants": 2}}, **cached)) == []
    mixed = document("kd", mix={"mixup": 1.0}, **cached)
    assert pointers(mixed) == ["/stages/0/cache/mode"]


def test_a_stage_that_lacks_what_an_earlier_one_must_make() -> None:
    for method in ("ft", "sskd", "ktaad"):
        assert pointers(document(method)) == [TERM]


def test_letters_that_json_escapes_in_pairs_are_read_as_one() -> None:
    name = "digits 🎉 مرحبا"
    assert parse_document(json.dumps({"name": name})) == {"name": name}
    with pytest.raises(SpecError, match="surrogates"):
        parse_document('{"name": "\\ud83c alone"}')
