from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.view.box import draw_boxes

INDEX = torch.arange(20_000)


@settings(max_examples=50, deadline=None)
@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    scale=st.floats(0.01, 1),
    ratio=st.floats(0.05, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_box_lies_in_the_image_and_is_never_empty(
    size: tuple[int, int], scale: float, ratio: float, seed: int
) -> None:
    boxes = draw_boxes(size, (scale, 1.0), (ratio, 1 / ratio), torch.arange(50), seed)
    assert (boxes.height >= 1).all()
    assert (boxes.width >= 1).all()
    assert (boxes.top >= 0).all()
    assert (boxes.left >= 0).all()
    assert (boxes.top + boxes.height <= size[0]).all()
    assert (boxes.left + boxes.width <= size[1]).all()


def test_area_is_uniform_and_proportions_are_uniform_in_their_logarithm() -> None:
    boxes = draw_boxes((400, 400), (0.1, 0.5), (0.5, 2.0), INDEX, 3)
    share = (boxes.height * boxes.width).double() / 400**2
    assert share.mean().item() == pytest.approx(0.3, abs=0.005)
    assert share.std().item() == pytest.approx(0.4 / 12**0.5, abs=0.005)
    shape = (boxes.width.double() / boxes.height).log2()
    assert shape.mean().item() == pytest.approx(0, abs=0.02)
    assert shape.std().item() == pytest.approx(2 / 12**0.5, abs=0.02)
    assert abs(torch.stack([share, shape]).corrcoef()[0, 1].item()) < 0.03


def test_places_are_uniform_over_where_the_box_can_lie() -> None:
    boxes = draw_boxes((300, 200), (0.1, 0.3), (0.75, 4 / 3), INDEX, 3)
    for start, length, side in ((boxes.top, boxes.height, 300), (boxes.left, boxes.width, 200)):
        place = start.double() / (side - length)
        assert place.min().item() == 0
        assert place.max().item() == 1
        assert place.mean().item() == pytest.approx(0.5, abs=0.01)


def test_where_no_box_fits_the_largest_allowed_one_in_the_middle_is_taken() -> None:
    wide = draw_boxes((10, 100), (1.0, 1.0), (0.75, 4 / 3), torch.arange(5), 0)
    assert (wide.height.unique().tolist(), wide.width.unique().tolist()) == ([10], [13])
    assert (wide.top.unique().tolist(), wide.left.unique().tolist()) == ([0], [43])
    tall = draw_boxes((100, 10), (1.0, 1.0), (0.75, 4 / 3), torch.arange(5), 0)
    assert (tall.height.unique().tolist(), tall.width.unique().tolist()) == ([13], [10])


def test_the_seed_and_the_sample_decide_the_box_and_nothing_else_does() -> None:
    first = draw_boxes((50, 60), (0.1, 1.0), (0.5, 2.0), INDEX[:100], 3)
    again = draw_boxes((50, 60), (0.1, 1.0), (0.5, 2.0), INDEX[40:50], 3)
    other = draw_boxes((50, 60), (0.1, 1.0), (0.5, 2.0), INDEX[:100], 4)
    assert first.width[40:50].equal(again.width)
    assert first.top[40:50].equal(again.top)
    assert not first.width.equal(other.width)
