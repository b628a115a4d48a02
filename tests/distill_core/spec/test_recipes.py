"""A recipe's name stands for stages that a person could have written, and problems lead back to what was written."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from distill_core.errors import Problem
from distill_core.spec import check, parse_document, resolve
from distill_core.spec.optimizer import Cosine, Multistep
from distill_core.spec.recipe import describe_recipes, expand_recipe, relocate
from distill_core.spec.recipes import RECIPES, Recipes, stretch

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/recipes.md"
WRITTEN = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "tests/data/recipes").glob("*.yaml"))}
"""What each recipe stands for with its defaults, for a teacher with weights: stages as a person would write them."""

DOCUMENT = """
version: 1
name: digits
models:
  teacher: {model: resnet20, weights: {file: teacher.safetensors}}
  teacher2: {model: resnet20, weights: {file: teacher2.safetensors}}
  assistant: {model: resnet14}
  student: {model: resnet8}
data:
  train: {dataset: digits, views: {main: {}, strong: {}, crop1: {}, crop2: {}, crop3: {}, crop4: {}}}
  unlabelled: {dataset: digits, views: {main: {}, strong: {}}}
  test: {dataset: digits, split: test}
  validation: {dataset: digits, hold_out: {ratio: 0.1, part: held_out}}
"""


def document(name: str, **params: Any) -> dict[str, Any]:
    """Return a document with a recipe, whose teacher has weights."""
    parsed: dict[str, Any] = parse_document(DOCUMENT)
    return parsed | {"recipe": {"name": name, "params": params}}


def stages(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the stages of a document whose recipe has no problems."""
    expanded, problems = expand_recipe(document)
    assert problems == []
    written: list[dict[str, Any]] = expanded["stages"]
    return written


def told(document: dict[str, Any]) -> dict[str, Problem]:
    """Return the problems of a document by pointer."""
    return {problem.pointer: problem for problem in check(document)}


def find_leaves(value: Any, pointer: str) -> dict[str, Any]:
    """Return everything below `value` that holds nothing, by pointer."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if entries is None:
        return {pointer: value}
    return {place: leaf for key, child in entries for place, leaf in find_leaves(child, f"{pointer}/{key}").items()}


def get(document: Any, pointer: str) -> Any:
    """Return what stands at a JSON pointer."""
    for step in pointer.split("/")[1:]:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def test_every_recipe_has_its_written_form_here() -> None:
    assert list(RECIPES) == sorted(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_recipe_stands_for_the_published_stages(name: str) -> None:
    assert stages(document(name)) == WRITTEN[name]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_recipe_with_its_defaults_resolves_without_problems(name: str) -> None:
    given = document(name)
    assert check(given) == []
    given["models"]["teacher"].pop("weights")
    resolved = resolve(given)
    assert resolved.stages[0].name.startswith("teach")
    assert resolved.stages[0].student == "teacher"
    assert resolved.stages[-1].student == "student"


@pytest.mark.parametrize("name", WRITTEN)
def test_every_place_in_a_stage_leads_back_to_an_option_that_says_the_same(name: str) -> None:
    given = document(name, validate_on="test", warmup={"epochs": 2}, train_teacher=True, teach_epochs=30)
    expanded, _ = expand_recipe(given)
    leaves = find_leaves(expanded["stages"], "/stages")
    found = relocate([Problem(pointer, "x", "") for pointer in leaves], given)
    led_back = 0
    for (pointer, value), problem in zip(leaves.items(), found, strict=True):
        if problem.pointer != "/recipe":
            led_back += 1
            assert get(expanded, problem.pointer) == value, pointer
        else:
            assert pointer.rsplit("/", 1)[-1] in {"name", "method", "schedule", "keep", "group", "strict", "otherwise"}
    assert led_back > 20


@given(assistants=st.lists(st.sampled_from("abcdefgh"), max_size=4, unique=True), is_new=st.booleans())
def test_in_a_chain_whoever_was_taught_teaches_next(assistants: list[str], is_new: bool) -> None:
    hops = stages(document("takd", assistants=assistants, train_teacher=is_new))
    if is_new:
        teach, *hops = hops
        assert (teach["name"], teach["student"], set(teach["objective"])) == ("teach", "teacher", {"ce"})
        assert "teachers" not in teach
    assert [hop["student"] for hop in hops] == [*assistants, "student"]
    assert [hop["teachers"] for hop in hops] == [[name] for name in ("teacher", *assistants)]
    assert len({hop["name"] for hop in hops}) == len(hops)


def test_a_chain_without_assistants_is_plain_distillation() -> None:
    (hop,) = stages(document("takd", assistants=[]))
    (distil,) = stages(document("kd", ce_weight=0.5, kd_weight=0.5, temperature=5, epochs=200))
    assert hop["objective"] == distil["objective"]


def test_a_teacher_without_weights_is_trained_first_unless_told_otherwise() -> None:
    given = document("fitnet", teach_epochs=10, teach_on="all")
    assert [stage["name"] for stage in stages(given)] == ["hint", "distil"]
    del given["models"]["teacher"]["weights"]
    teach, *_ = stages(given)
    assert (teach["epochs"], teach["train"]) == (10, "all")
    given["recipe"]["params"]["train_teacher"] = False
    assert [stage["name"] for stage in stages(given)] == ["hint", "distil"]


def test_every_teacher_of_an_ensemble_without_weights_is_trained_first() -> None:
    given = document("mkd", further_teachers=["teacher2", "assistant"])
    assert [stage["name"] for stage in stages(given)] == ["teach_assistant", "distil"]
    assert resolve(resolve(given).as_document()) == resolve(given)
    del given["models"]["teacher"]["weights"]
    del given["models"]["teacher2"]["weights"]
    assert [(stage["name"], stage["student"]) for stage in stages(given)] == [
        ("teach", "teacher"),
        ("teach_teacher2", "teacher2"),
        ("teach_assistant", "assistant"),
        ("distil", "student"),
    ]
    given["recipe"]["params"]["train_teacher"] = False
    assert [stage["name"] for stage in stages(given)] == ["distil"]


def test_a_problem_in_the_training_of_a_further_teacher_names_it() -> None:
    given = document("mkd", train_teacher=True)
    found = relocate([Problem("/stages/1/student", "x", "a"), Problem("/stages/1", "x", "b")], given)
    assert [(problem.pointer, problem.message) for problem in found] == [
        ("/recipe/params/further_teachers/0", "a"),
        ("/recipe", "stage 'teach_teacher2': b"),
    ]


def test_the_milestones_move_with_the_epochs() -> None:
    (distil,) = stages(document("kd", epochs=24))
    assert distil["schedule"] == {"schedule": "multistep", "milestones": [15, 18, 21]}
    teach, distil = stages(document("kd", train_teacher=True, teach_epochs=120))
    assert (teach["schedule"]["milestones"], distil["schedule"]["milestones"]) == ([75, 90, 105], [150, 180, 210])
    teach, _ = stages(document("kd", train_teacher=True, teach_epochs=8, schedule={"schedule": "cosine"}))
    assert teach["schedule"] == {"schedule": "cosine"}


@given(
    milestones=st.sets(st.integers(1, 999), min_size=1, max_size=8).map(sorted),
    wanted=st.integers(1, 2000),
)
def test_moved_milestones_ascend_and_are_reached(milestones: list[int], wanted: int) -> None:
    moved = stretch(Multistep(schedule="multistep", milestones=tuple(milestones)), 1000, wanted)
    if isinstance(moved, Multistep):
        assert list(moved.milestones) == sorted(set(moved.milestones))
        assert 0 < moved.milestones[0] <= moved.milestones[-1] < wanted
    else:
        assert moved.schedule == "constant"


def test_a_schedule_without_milestones_fits_any_number_of_epochs() -> None:
    assert stretch(Cosine(schedule="cosine"), 240, 3) == Cosine(schedule="cosine")


def test_a_term_of_weight_0_is_left_out() -> None:
    (distil,) = stages(document("crd", kd_weight=0))
    assert set(distil["objective"]) == {"ce", "crd"}


def test_a_weight_may_be_a_schedule() -> None:
    ramp = {"schedule": "ramp", "start": 4, "end": 1, "over": 1, "clock": "ratio"}
    *_, distil = stages(document("fitnet", kd_weight=ramp))
    assert distil["objective"]["kd"]["weight"] == ramp


def test_the_recipe_stays_for_the_record_with_all_its_options() -> None:
    given = document("kd", temperature=2)
    before = copy.deepcopy(given)
    expanded, _ = expand_recipe(given)
    assert given == before
    assert expanded["recipe"]["name"] == "kd"
    assert expanded["recipe"]["params"].items() >= {"temperature": 2, "ce_weight": 0.1, "train_teacher": False}.items()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_resolved_document_says_all_and_resolves_to_itself(name: str) -> None:
    resolved = resolve(document(name, train_teacher=True))
    assert resolved.recipe is not None
    assert resolve(resolved.as_document()) == resolved


def test_problems_of_a_document_that_shows_its_stages_stand_there() -> None:
    expanded, _ = expand_recipe(document("kd"))
    problems = [Problem("/stages/0/epochs", "x", "")]
    assert relocate(problems, expanded) == problems


@pytest.mark.parametrize("change", [{"epochs": 7}, {"objective": {"ce": {"method": "ce"}}}, {"teachers": []}])
def test_stages_that_contradict_the_recipe_are_refused(change: dict[str, Any]) -> None:
    expanded, _ = expand_recipe(document("kd"))
    expanded["stages"][0] |= change
    _, (problem,) = expand_recipe(expanded)
    assert (problem.pointer, problem.code) == ("/stages", "stages_differ")


@pytest.mark.parametrize("stages", [None, [], {}, "kd", [1], [{"objective": 3}]])
def test_stages_of_any_shape_beside_a_recipe_are_borne(stages: Any) -> None:
    _, problems = expand_recipe(document("kd") | {"stages": stages})
    assert [problem.code for problem in problems] == ([] if stages in (None, []) else ["stages_differ"])


@pytest.mark.parametrize(
    ("recipe", "pointer", "code", "nearest"),
    [
        ({"name": "fitnets"}, "/recipe/name", "unknown_name", "fitnet"),
        ({"name": "Kd"}, "/recipe/name", "value_invalid", None),
        ({"nam": "kd"}, "/recipe/nam", "field_unknown", "name"),
        ({"params": {}}, "/recipe/name", "field_missing", None),
        ("kd", "/recipe", "value_invalid", None),
        ({"name": "kd", "params": {"temprature": 4}}, "/recipe/params/temprature", "field_unknown", "temperature"),
        ({"name": "kd", "params": {"temperature": 0}}, "/recipe/params/temperature", "value_invalid", None),
        ({"name": "kd", "params": {"kd_weight": -1}}, "/recipe/params/kd_weight", "value_invalid", None),
        ({"name": "kd", "params": {"epochs": 0}}, "/recipe/params/epochs", "value_invalid", None),
        (
            {"name": "takd", "params": {"optimizer": {"optimizer": "sdg", "lr": 0.1}}},
            "/recipe/params/optimizer/optimizer",
            "value_invalid",
            "sgd",
        ),
        ({"name": "takd", "params": {"assistants": ["A!"]}}, "/recipe/params/assistants/0", "value_invalid", None),
        ({"name": "fitnet", "params": {"regressor": "conv"}}, "/recipe/params/regressor", "value_invalid", "conv1x1"),
    ],
)
def test_a_wrong_option_is_told_at_its_place(recipe: Any, pointer: str, code: str, nearest: str | None) -> None:
    given = document("kd") | {"recipe": recipe}
    expanded, problems = expand_recipe(given)
    assert expanded is given
    assert relocate(problems, given) == problems
    problem = told(given)[pointer]
    assert problem.code == code
    assert nearest is None or nearest in problem.nearest


@pytest.mark.parametrize(
    ("name", "params", "pointer"),
    [
        ("kd", {"student": "studnt"}, "/recipe/params/student"),
        ("takd", {"teacher": "techer"}, "/recipe/params/teacher"),
        ("takd", {"assistants": ["assistant", "asistant"]}, "/recipe/params/assistants/1"),
        ("takd", {"assistants": ["student"]}, "/recipe/params/assistants/0"),
        ("mkd", {"further_teachers": ["teacher2", "techer"]}, "/recipe/params/further_teachers/1"),
        ("kd", {"student": "teacher"}, "/recipe/params/teacher"),
        ("uda", {"strong_view": "stronk"}, "/recipe/params/strong_view"),
        ("uda_stl", {"unlabelled": "unlabeled"}, "/recipe/params/unlabelled"),
        ("unsupervised", {"unlabelled": "unlabeled"}, "/recipe/params/unlabelled"),
        ("fsp", {"validate_on": "tset"}, "/recipe/params/validate_on"),
        ("kd", {"keep": "best"}, "/recipe/params/keep"),
        ("kd", {"train_teacher": True, "teach_on": "trian"}, "/recipe/params/teach_on"),
        ("kd", {"schedule": {"schedule": "multistep", "milestones": [9, 3]}}, "/recipe/params/schedule/milestones"),
        (
            "fitnet",
            {"hint_optimizer": {"optimizer": "sgd", "lr": 0.1, "nesterov": True}},
            "/recipe/params/hint_optimizer/nesterov",
        ),
        ("kd", {"ce_weight": 0, "kd_weight": 0}, "/recipe"),
    ],
)
def test_a_problem_in_a_stage_is_told_at_the_option_that_caused_it(
    name: str, params: dict[str, Any], pointer: str
) -> None:
    assert pointer in told(document(name, **params))


def test_a_problem_within_a_list_keeps_its_position() -> None:
    places = ["/0/1", "/2", ""]
    problems = [Problem(f"/stages/0/objective/fsp/params/student_pairs{place}", "x", "") for place in places]
    found = relocate(problems, document("fsp"))
    assert [problem.pointer for problem in found] == [f"/recipe/params/student_pairs{place}" for place in places]


def test_a_stream_of_the_wrong_size_is_told_at_the_size_and_one_of_the_wrong_name_at_the_name() -> None:
    problems = [Problem("/stages/0/further/unlabelled", code, "") for code in ("value_invalid", "unknown_name")]
    found = relocate(problems, document("uda_stl"))
    assert [problem.pointer for problem in found] == ["/recipe/params/batch_size", "/recipe/params/unlabelled"]


def test_a_problem_that_no_option_causes_alone_names_the_stage() -> None:
    problems = [
        Problem("/stages/1/objective/kd", "x", "a"),
        Problem("/stages/0", "x", "b"),
        Problem("/stages", "x", "c"),
    ]
    found = relocate([*problems, Problem("/data/train", "x", "d")], document("fitnet"))
    assert [(problem.pointer, problem.message) for problem in found] == [
        ("/recipe", "stage 'distil', objective/kd: a"),
        ("/recipe", "stage 'hint': b"),
        ("/recipe", "c"),
        ("/data/train", "d"),
    ]


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda part: st.lists(part) | st.dictionaries(st.text(), part))
)
def test_whatever_has_no_recipe_is_left_as_it_is(anything: Any) -> None:
    assert expand_recipe(anything) == (anything, [])
    assert relocate([Problem("/stages/0", "x", "")], anything) == [Problem("/stages/0", "x", "")]


@given(st.dictionaries(st.sampled_from(["teacher", "student"]), st.none() | st.integers() | st.just({})))
def test_models_of_any_shape_are_borne(models: dict[str, Any]) -> None:
    expanded, problems = expand_recipe(document("kd") | {"models": models})
    assert problems == []
    assert expanded["stages"]


def test_recipes_describe_themselves_and_every_option() -> None:
    described = json.loads(json.dumps(describe_recipes()))
    assert list(described) == list(RECIPES)
    for recipe in described.values():
        assert recipe["summary"].endswith(".")
        assert all(option.get("description") for option in recipe["params"]["properties"].values())


def test_the_page_tells_of_every_recipe_and_every_option_of_its_own() -> None:
    page = PAGE.read_text("utf-8")
    shared = set(RECIPES["kd"].model_fields) & set(RECIPES["fsp"].model_fields)
    for name, recipe in RECIPES.items():
        section = page.partition(f"\n## `{name}`")[2].partition("\n## ")[0]
        assert [option for option in recipe.model_fields if option not in shared and f"`{option}`" not in section] == []
    assert [option for option in shared if f"`{option}`" not in page] == []


def test_two_recipes_of_one_name_are_refused() -> None:
    recipes = Recipes("distill_core.spec.recipes")
    recipes.register("kd")(RECIPES["kd"])
    with pytest.raises(ValueError, match="two recipes are called 'kd'"):
        recipes.register("kd")(RECIPES["takd"])


@pytest.mark.parametrize(("name", "files"), [("kd", {"kd"}), ("fitnet", {"fitnet"})])
def test_a_recipe_that_is_named_brings_in_its_own_file_alone(name: str, files: set[str]) -> None:
    code = (
        "import sys; from distill_core.spec.recipes import RECIPES; RECIPES[sys.argv[1]]; "
        "print(*(name.rpartition('.')[2] for name in sys.modules if name.startswith('distill_core.spec.recipes.')))"
    )
    done = subprocess.run([sys.executable, "-c", code, name], check=True, cwd=ROOT, capture_output=True, text=True)
    assert set(done.stdout.split()) == files


def test_a_recipe_whose_file_bears_another_name_is_found() -> None:
    code = "from distill_core.spec.recipes import RECIPES; print('nowhere' in RECIPES, 'tutorial_regressor' in RECIPES)"
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def test_expansion_needs_no_torch() -> None:
    code = "import sys; from distill_core.spec.recipe import *; describe_recipes(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
