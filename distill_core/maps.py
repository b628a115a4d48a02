"""What methods do with feature maps: refuse what is none, and bring two maps to one size.

Shapes: B batch, C channels, H height, W width, L tokens, D features, P positions (pixels of a map, or tokens).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from distill_core.errors import Problem, SpecError

__all__ = ["check_map", "check_positions", "flatten_positions", "pool_to_smaller"]


def check_map(shape: Sequence[int], pointer: str, place: str) -> None:
    """Refuse a place that gives no map.

    Args:
        shape: what the place gives, batch first.
        pointer: option that names it, relative to the term.
        place: its path.

    Raises:
        SpecError: it gives anything but [B C H W].
    """
    if len(shape) != 4:
        message = f"{place!r} gives {list(shape[1:])} a sample, but the method takes a map [C H W]"
        raise SpecError([Problem(pointer, "shape_unfit", message, place, "a place that gives a map [C H W]")])


def check_positions(student: Sequence[int], teacher: Sequence[int], pointer: str, place: str) -> None:
    """Refuse a pair of places whose positions have nothing to do with one another.

    Raises:
        SpecError: they are neither two maps nor tokens of equal number.
    """
    are_maps = len(student) == len(teacher) == 4
    are_tokens = len(student) == len(teacher) == 3 and student[1] == teacher[1]
    if not are_maps and not are_tokens:
        message = f"{place!r} of the student gives {list(student[1:])}, its partner of the teacher {list(teacher[1:])}"
        allowed = "two maps [C H W] of any sizes, or tokens [L D] of equal L"
        raise SpecError([Problem(pointer, "shape_unfit", message, place, allowed)])


def pool_to_smaller(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return two maps [B C H W] at the smaller height and width of both, averaged; tokens [B L D] as they are."""
    if x.ndim != 4:
        return x, y
    size = min(x.shape[2], y.shape[2]), min(x.shape[3], y.shape[3])
    return _average(x, size), _average(y, size)


def flatten_positions(x: Tensor) -> Tensor:
    """Return a map [B C H W] or tokens [B L D] as channels by positions [B C P]."""
    return x.flatten(2) if x.ndim == 4 else x.mT


def _average(x: Tensor, size: tuple[int, int]) -> Tensor:
    return x if x.shape[2:] == size else functional.adaptive_avg_pool2d(x, size)
