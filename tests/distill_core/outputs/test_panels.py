from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from distill_core.outputs.panels import group_panels, thin

values = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(values, min_size=1, max_size=400), st.integers(min_value=4, max_value=60))
def test_a_thinned_line_keeps_its_ends_and_its_extremes_in_order(heights: list[float], limit: int) -> None:
    points = list(enumerate(heights))
    kept = thin(points, limit)
    assert len(kept) <= limit
    assert set(kept) <= set(points)
    assert [step for step, _ in kept] == sorted({step for step, _ in kept})
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert (min(value for _, value in kept), max(value for _, value in kept)) == (min(heights), max(heights))


def test_a_short_line_is_kept_whole() -> None:
    points = [(step, float(step)) for step in range(2000)]
    assert thin(points) == points


def test_metrics_share_a_panel_where_they_share_a_unit() -> None:
    keys = (
        "weight/kd",
        "train/lr",
        "val/nll",
        "train/kd",
        "val/agreement",
        "train/loss",
        "val/accuracy",
        "val/mean_iou",
        "test/nll",
    )
    panels = group_panels({key: [(1, 0.5), (2, 0.4)] for key in keys}, [0])
    assert [(panel.title, panel.unit, [line.label for line in panel.lines]) for panel in panels] == [
        ("training loss", "", ["loss", "kd"]),
        ("validation", "%", ["agreement", "accuracy"]),
        ("validation", "nats", ["nll"]),
        ("validation", "", ["mean_iou"]),
        ("weight of the term", "", ["kd"]),
        ("learning rate", "", ["lr"]),
    ]


def test_lines_are_cut_where_a_stage_ends() -> None:
    history = {"train/loss": [(4, 2.0), (8, 1.5), (9, 3.0), (16, 2.5), (17, 1.0)]}
    (panel,) = group_panels(history, [0, 8, 16])
    assert panel.lines[0].segments == (((4, 2.0), (8, 1.5)), ((9, 3.0), (16, 2.5)), ((17, 1.0),))


def test_what_is_no_number_is_not_drawn() -> None:
    history = {"train/loss": [(1, math.nan), (2, 1.0), (3, math.inf)], "val/nll": [(3, math.nan)]}
    panels = group_panels(history, [0])
    assert [panel.lines[0].segments for panel in panels] == [(((2, 1.0),),)]


def test_losses_of_different_magnitude_are_drawn_on_a_logarithmic_axis() -> None:
    far, near = {"train/loss": [(1, 90.0), (2, 1.0)]}, {"train/loss": [(1, 2.0), (2, 1.0)]}
    zero = {"train/loss": [(1, 90.0), (2, 0.0)]}
    assert [group_panels(history, [0])[0].is_log for history in (far, near, zero)] == [True, False, False]


def test_a_rate_that_moves_in_steps_is_drawn_in_steps() -> None:
    stepped = {"train/lr": [(step, 0.1 if step < 50 else 0.001) for step in range(1, 100)]}
    gliding = {"train/lr": [(step, 0.1 / step) for step in range(1, 100)]}
    short = {"train/lr": [(1, 0.1), (2, 0.05), (3, 0.001)]}
    panels = [group_panels(history, [0])[0] for history in (stepped, gliding, short)]
    assert [(panel.is_stepped, panel.is_log) for panel in panels] == [(True, True), (False, False), (False, False)]
