"""What methods do with one vector a sample: average over positions, and bring to another width.

Shapes: B batch, D features, H height, W width, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from distill_core.errors import Problem, SpecError

__all__ = ["Embedding", "build_embedding", "count_features", "pool_vectors"]

Embedding = Literal["auto", "linear", "none"]


def pool_vectors(x: Tensor) -> Tensor:
    """Return vectors [B D] as they are, of maps [B D H W] and tokens [B L D] the mean over positions [B D]."""
    match x.ndim:
        case 4:
            return x.mean((2, 3))
        case 3:
            return x.mean(1)
        case _:
            return x


def count_features(shape: Sequence[int], place: str, pointer: str) -> int:
    """Return D of a place; refuse what has no features to be pooled.

    Args:
        shape: what the place gives, batch first.
        place: its path, for the message.
        pointer: where the term's options name it, for the problem.

    Raises:
        SpecError: the place gives neither vectors nor maps nor tokens.
    """
    if len(shape) not in {2, 3, 4}:
        message = f"{place!r} gives {list(shape[1:])} a sample, which are no vectors"
        raise SpecError([Problem(pointer, "shape_unfit", message, place, "vectors [D], maps [D H W] or tokens [L D]")])
    return shape[2] if len(shape) == 3 else shape[1]


def build_embedding(kind: Embedding, width: int, wanted: int) -> nn.Module:
    """Return what gives vectors [B D] the wanted width: a linear layer, or nothing; `auto`: a layer where they differ.

    Raises:
        SpecError: there shall be none, but the widths differ.
    """
    if kind == "none" and width != wanted:
        message = f"the student's vectors have {width} features and the teacher's {wanted}, so they cannot be compared"
        raise SpecError([Problem("/params/embed", "shape_unfit", message, kind, ("auto", "linear"))])
    return nn.Linear(width, wanted) if kind == "linear" or width != wanted else nn.Identity()
