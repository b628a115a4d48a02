"""MLKD: each level in each view, the masks, and the form of the authors' code."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill_core.methods import METHODS
from distill_core.tap import LOGITS, Place
from tests.distill_core.methods.settings import batch_of, randn

unhurried = settings(deadline=None, max_examples=40)  # the first call of an operator is slow

STRONG = Place("logits", view="strong")
TEMPERATURES = (4.0, 3.0, 5.0, 2.0, 6.0)
LEVELS = {"instance", "batch", "class"}

seeds = st.integers(0, 1000)

Rows = list[list[float]]
Views = tuple[Tensor, Tensor, Tensor, Tensor]
"""Weak and strong logits of the student, then of the teacher."""


def compute(views: Views, **params: Any) -> dict[str, Tensor]:
    weak, strong, weak_wanted, strong_wanted = views
    term = METHODS.create("mlkd", params)
    mine = {LOGITS: weak, STRONG: strong}
    wanted = {LOGITS: weak_wanted, STRONG: strong_wanted}
    places = term.places(term.params)
    value: dict[str, Tensor] = term(
        {place: mine[place] for place in places.student},
        {place: wanted[place] for place in places.teacher},
        batch_of(len(weak)),
    )
    return value


def draw(seed: int = 0, size: int = 5, num_classes: int = 4) -> Views:
    first, second, third, fourth = (3 * randn(size, num_classes, seed=4 * seed + number) for number in range(4))
    return first, second, third, fourth


def soften(logits: Tensor, temperature: float) -> Rows:
    powers = [[math.exp(z / temperature) for z in row] for row in logits.tolist()]
    return [[power / sum(row) for power in row] for row in powers]


def columns(rows: Rows) -> Rows:
    return [list(column) for column in zip(*rows, strict=True)]


def relate(rows: Rows) -> Rows:
    return [[sum(x * y for x, y in zip(a, b, strict=True)) for b in rows] for a in rows]


def compare(mine: Rows, wanted: Rows) -> list[float]:
    """Return each row's squared differences over the number of rows."""
    pairs = zip(relate(mine), relate(wanted), strict=True)
    return [sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / len(mine) for a, b in pairs]


def levels_by_hand(student: Tensor, teacher: Tensor, temperature: float) -> dict[str, list[float]]:
    """Return what each sample or class adds to each level."""
    mine, wanted = soften(student, temperature), soften(teacher, temperature)
    divergences = [
        temperature**2 * sum(t * math.log(t / s) for s, t in zip(a, b, strict=True)) / len(mine)
        for a, b in zip(mine, wanted, strict=True)
    ]
    relations = compare(mine, wanted), compare(columns(mine), columns(wanted))
    return {"instance": divergences, "batch": relations[0], "class": relations[1]}


def masks_by_hand(teacher: Tensor) -> dict[str, list[float]]:
    rows = soften(teacher, 1.0)
    sure = [max(row) for row in rows], [sum(column) for column in columns(rows)]
    samples, classes = ([float(x <= median(known)) for x in known] for known in sure)
    return {"instance": samples, "batch": samples, "class": classes}


def parts_by_hand(views: Views) -> dict[str, float]:
    weak, strong, weak_wanted, strong_wanted = views
    masks = masks_by_hand(weak_wanted)
    parts = dict.fromkeys([f"{level}_{view}" for level in LEVELS for view in ("weak", "strong")], 0.0)
    for temperature in TEMPERATURES:
        for level, addends in levels_by_hand(weak, weak_wanted, temperature).items():
            parts[f"{level}_weak"] += sum(m * x for m, x in zip(masks[level], addends, strict=True))
        for level, addends in levels_by_hand(strong, strong_wanted, temperature).items():
            parts[f"{level}_strong"] += sum(addends)
    return parts


def code_by_hand(views: Views) -> dict[str, float]:
    """Return what the authors' code adds up: its masks multiply averages, two of its strong divergences are weak."""
    weak, strong, weak_wanted, strong_wanted = views
    shares = {level: sum(mask) / len(mask) for level, mask in masks_by_hand(weak_wanted).items()}
    parts = dict.fromkeys(["instance_weak", "batch_weak", "class_weak", "instance_strong"], 0.0)
    for temperature in TEMPERATURES:
        for level, addends in levels_by_hand(weak, weak_wanted, temperature).items():
            parts[f"{level}_weak"] += shares[level] * sum(addends)
        pair = (weak, weak_wanted) if temperature in (2.0, 6.0) else (strong, strong_wanted)
        parts["instance_strong"] += sum(levels_by_hand(*pair, temperature)["instance"])
    return parts


def plain(parts: dict[str, Tensor]) -> dict[str, float]:
    return {name: part.item() for name, part in parts.items()}


@unhurried
@given(seeds, st.integers(2, 7))
def test_each_level_of_each_view_is_its_sum_over_temperatures(seed: int, size: int) -> None:
    views = draw(seed, size)
    assert plain(compute(views)) == pytest.approx(parts_by_hand(views), rel=1e-9)


@unhurried
@given(seeds, st.integers(2, 7))
def test_as_code_masks_multiply_averages_and_the_strong_view_has_divergences_alone(seed: int, size: int) -> None:
    views = draw(seed, size)
    assert plain(compute(views, form="code")) == pytest.approx(code_by_hand(views), rel=1e-9)


@pytest.mark.parametrize("form", ["paper", "code"])
def test_without_masks_both_views_count_alike(form: str) -> None:
    weak, _, wanted, _ = draw()
    parts = plain(compute((weak, weak, wanted, wanted), mask="none", form=form))
    for name, value in parts.items():
        assert value == pytest.approx(parts[name.replace("strong", "weak")], rel=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_every_level_can_be_had_by_itself_from_one_view_at_one_temperature(temperature: float) -> None:
    views = draw()
    parts = compute(views, strong_view=None, mask="none", temperatures=[temperature])
    by_hand = levels_by_hand(views[0], views[2], temperature)
    assert plain(parts) == pytest.approx({f"{name}_weak": sum(row) for name, row in by_hand.items()}, rel=1e-9)


def test_as_code_with_few_temperatures_the_last_two_are_those_of_the_weak_view() -> None:
    views = draw()
    one = compute(views, form="code", temperatures=[4.0])["instance_strong"].item()
    assert one == pytest.approx(sum(levels_by_hand(views[0], views[2], 4.0)["instance"]), rel=1e-9)
    three = compute(views, form="code", temperatures=[4.0, 2.0, 6.0])["instance_strong"].item()
    weak = sum(sum(levels_by_hand(views[0], views[2], t)["instance"]) for t in (2.0, 6.0))
    assert three == pytest.approx(sum(levels_by_hand(views[1], views[3], 4.0)["instance"]) + weak, rel=1e-9)


@unhurried
@given(seed=seeds, scale=st.floats(0.2, 5), shift=st.floats(-5, 5))
def test_standardised_the_divergences_do_not_see_scale_and_shift_of_the_student(
    seed: int, scale: float, shift: float
) -> None:
    weak, strong, *wanted = draw(seed)
    moved = compute((scale * weak + shift, scale * strong + shift, wanted[0], wanted[1]), standardise=True)
    expected = compute((weak, strong, wanted[0], wanted[1]), standardise=True)
    for name in ("instance_weak", "instance_strong"):
        assert moved[name].item() == pytest.approx(expected[name].item(), rel=1e-4)


def test_standardising_leaves_the_relations_as_they_were() -> None:
    views = draw()
    parts, standardised = plain(compute(views)), plain(compute(views, standardise=True))
    changed = {name for name, value in parts.items() if standardised[name] != pytest.approx(value, rel=1e-12)}
    assert changed == {"instance_weak", "instance_strong"}


@unhurried
@given(order=st.permutations(range(5)), form=st.sampled_from(["paper", "code"]))
def test_it_does_not_see_the_order_of_the_batch(order: list[int], form: str) -> None:
    weak, strong, weak_wanted, strong_wanted = views = draw()
    moved = weak[order], strong[order], weak_wanted[order], strong_wanted[order]
    assert plain(compute(moved, form=form)) == pytest.approx(plain(compute(views, form=form)), rel=1e-9)


def test_it_is_zero_for_equal_logits_and_gives_the_teacher_no_gradient() -> None:
    views = draw()
    equal = plain(compute((views[0], views[1], views[0], views[1])))
    assert max(map(abs, equal.values())) == pytest.approx(0, abs=1e-12)
    for tensor in views:
        tensor.requires_grad_()
    torch.stack(list(compute(views).values())).sum().backward()
    assert all(tensor.grad is not None for tensor in views[:2])
    assert all(tensor.grad is None for tensor in views[2:])
