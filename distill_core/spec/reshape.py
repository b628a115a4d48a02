"""Reshapes that bring two activations, or an activation and the labels, into a form that a loss can compare.

Shapes: B batch, C channels, H height, W width, D features, K classes.
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.config import Config

Shape = tuple[int, ...]

Temperature = Annotated[float, Field(gt=0, le=1000, description="Divides the values before the softmax.")]


class Flatten(Config):
    """All of a sample in one row: [B ...] -> [B D]."""

    reshape: Literal["flatten"] = Field(description="Name of the reshape.")

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        return shape[0], prod(shape[1:])


class Squeeze(Config):
    """Without the axes of length 1 behind the batch: [B 1] -> [B]."""

    reshape: Literal["squeeze"] = Field(description="Name of the reshape.")

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        return shape[0], *(length for length in shape[1:] if length != 1)


class Pool(Config):
    """Maps pooled to a square: [B C H W] -> [B C size size], and [B C] for size 1."""

    reshape: Literal["pool"] = Field(description="Name of the reshape.")
    size: int = Field(default=1, ge=1, le=1024, description="Side of the square; 1 gives a vector.")
    kind: Literal["average", "max"] = Field(default="average", description="What is kept of the pixels of a cell.")

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        if len(shape) != 4:
            raise ValueError("pool takes maps [B C H W]")
        return shape[:2] if self.size == 1 else (*shape[:2], self.size, self.size)


class PoolVector(Config):
    """Vectors shortened by the mean of neighbours: [B D] -> [B D/window]."""

    reshape: Literal["pool_vector"] = Field(description="Name of the reshape.")
    window: int = Field(ge=2, le=65536, description="How many neighbours become one value.")

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        if len(shape) != 2 or shape[1] < self.window:
            raise ValueError(f"pool_vector takes vectors [B D] of at least {self.window} values")
        return shape[0], shape[1] // self.window


class Softmax(Config):
    """Probabilities along axis 1."""

    reshape: Literal["softmax"] = Field(description="Name of the reshape.")
    temperature: Temperature = 1.0

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        return _with_axis_1(shape, self.reshape)


class LogSoftmax(Config):
    """Logarithms of the probabilities along axis 1."""

    reshape: Literal["log_softmax"] = Field(description="Name of the reshape.")
    temperature: Temperature = 1.0

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        return _with_axis_1(shape, self.reshape)


class Normalise(Config):
    """Divided by the Euclidean length along axis 1."""

    reshape: Literal["normalise"] = Field(description="Name of the reshape.")

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        return _with_axis_1(shape, self.reshape)


class OneHot(Config):
    """Labels as vectors with a single 1: [B ...] -> [B K ...]."""

    reshape: Literal["one_hot"] = Field(description="Name of the reshape.")

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        if num_classes is None:
            raise ValueError("one_hot takes labels that are classes, and the data has none")
        return shape[0], num_classes, *shape[1:]


class ToFloat(Config):
    """Whole numbers, such as labels, as floats."""

    reshape: Literal["to_float"] = Field(description="Name of the reshape.")

    def shape(self, shape: Shape, num_classes: int | None) -> Shape:
        """Return the shape after the reshape."""
        return shape


ReshapeSpec = Annotated[
    Flatten | Squeeze | Pool | PoolVector | Softmax | LogSoftmax | Normalise | OneHot | ToFloat,
    Field(discriminator="reshape"),
]

Reshapes = Annotated[tuple[ReshapeSpec, ...], Field(max_length=8)]


def _with_axis_1(shape: Shape, name: str) -> Shape:
    if len(shape) < 2:
        raise ValueError(f"{name} takes at least [B D]")
    return shape
