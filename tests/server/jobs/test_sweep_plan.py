from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from distill_core.errors import Problem, SpecError
from server.jobs.sweep_plan import MOST_TRIALS, Axis, Search, find_axis_problems, name_trial, plan_trials, set_values

LR = "/stages/0/optimizer/lr"
SEED = "/runtime/seed"


def refusal(ask: Callable[[], object]) -> Problem:
    with pytest.raises(SpecError) as caught:
        ask()
    [problem] = caught.value.problems
    return problem


def test_a_grid_holds_every_combination_once() -> None:
    axes = {LR: Axis(low=0.01, high=1.0, scale="log", points=3), SEED: Axis(values=[0, 1, 0])}
    assert plan_trials(axes, "grid", None, 0) == [
        {LR: 0.01, SEED: 0},
        {LR: 0.01, SEED: 1},
        {LR: 0.1, SEED: 0},
        {LR: 0.1, SEED: 1},
        {LR: 1.0, SEED: 0},
        {LR: 1.0, SEED: 1},
    ]


def test_whole_numbers_stay_whole_and_come_once() -> None:
    assert Axis(low=1, high=3, is_integer=True, points=9).spread() == [1, 2, 3]
    assert Axis(low=0.0, high=1.0, points=3).spread() == [0.0, 0.5, 1.0]


@given(low=st.floats(1e-6, 1e3), ratio=st.floats(1.001, 1e6), seed=st.integers(0, 100), is_log=st.booleans())
def test_what_is_drawn_lies_in_its_range(low: float, ratio: float, seed: int, is_log: bool) -> None:
    axis = Axis(low=low, high=low * ratio, scale="log" if is_log else "linear")
    plan = plan_trials({LR: axis}, "random", 5, seed)
    assert all(low <= values[LR] <= low * ratio for values in plan)
    assert plan == plan_trials({LR: axis}, "random", 5, seed)


def test_a_log_scale_is_even_in_its_ratios() -> None:
    plan = plan_trials({LR: Axis(low=1e-4, high=1.0, scale="log")}, "random", 200, 7)
    decades = [math.floor(math.log10(values[LR])) for values in plan]
    assert all(30 < decades.count(decade) < 70 for decade in (-4, -3, -2, -1))


def test_no_two_trials_of_a_search_are_alike() -> None:
    axes = {LR: Axis(values=[1, 2]), SEED: Axis(values=[True, 1])}
    plan = plan_trials(axes, "random", 4, 0)
    assert len({repr(values) for values in plan}) == 4
    problem = refusal(lambda: plan_trials(axes, "random", 5, 0))
    assert (problem.pointer, problem.value, problem.allowed) == ("/trials", 5, "1 to 4")


def test_a_grid_that_is_too_large_is_refused_before_it_is_laid() -> None:
    axes = {f"/{name}": Axis(values=list(range(200))) for name in "abcdefgh"}
    problem = refusal(lambda: plan_trials(axes, "grid", None, 0))
    assert (problem.pointer, problem.value) == ("/axes", 200**8)
    assert str(MOST_TRIALS) in str(problem.allowed)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"low": 1.0},
        {"values": [1], "low": 0.0, "high": 1.0},
        {"values": [1], "points": 2},
        {"values": []},
        {"low": 1.0, "high": 1.0},
        {"low": 0.0, "high": 1.0, "scale": "log"},
        {"low": 0.5, "high": 3.0, "is_integer": True},
        {"low": float("nan"), "high": 1.0},
    ],
)
def test_an_axis_that_holds_nothing_sensible_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Axis(**fields)


def pointers(search: Search, axes: dict[str, Axis], num_trials: int | None = None) -> list[tuple[str, str]]:
    return [(each.pointer, each.code) for each in find_axis_problems(axes, search, num_trials)]


def test_what_cannot_be_searched_is_told_by_its_place() -> None:
    span, choice = Axis(low=0.0, high=1.0), Axis(values=[1])
    assert pointers("grid", {"/a": span}) == [("/axes/~1a/points", "field_missing")]
    assert pointers("grid", {"/a": choice}, 3) == [("/trials", "value_invalid")]
    assert pointers("random", {"/a": span}) == [("/trials", "field_missing")]
    assert pointers("grid", {"a": choice}) == [("/axes/a", "value_invalid")]
    assert pointers("grid", {"/a": choice, "/a/b": choice, "/ab": choice}) == [("/axes/~1a~1b", "value_invalid")]
    assert pointers("grid", {"/a": choice, "/b": choice}) == []


def test_values_are_set_in_a_copy() -> None:
    document: dict[str, Any] = {"stages": [{"optimizer": {"lr": 0.1}}], "a/b": {"~": 1}}
    changed = set_values(document, {LR: 0.5, SEED: 3, "/a~1b/~0": [1]})
    assert changed == {"stages": [{"optimizer": {"lr": 0.5}}], "a/b": {"~": [1]}, "runtime": {"seed": 3}}
    assert document == {"stages": [{"optimizer": {"lr": 0.1}}], "a/b": {"~": 1}}


@pytest.mark.parametrize(
    "pointer", ["/stages/1/epochs", "/stages/x/epochs", "/stages/-1", "/name/deeper", "/stages/00/a"]
)
def test_a_place_that_cannot_be_is_told(pointer: str) -> None:
    problem = refusal(lambda: set_values({"name": "x", "stages": [{}]}, {pointer: 1}))
    assert (problem.code, problem.value) == ("pointer_unknown", pointer)


def test_a_title_tells_what_is_special_and_fits() -> None:
    assert name_trial("mine", {LR: 0.1, SEED: 2}) == "mine: lr 0.1, seed 2"
    later = LR.replace("0", "1")
    assert name_trial("mine", {LR: 0.1, later: 0.2}) == "mine: 0/optimizer/lr 0.1, 1/optimizer/lr 0.2"
    assert len(name_trial("x" * 300, {})) == 255
