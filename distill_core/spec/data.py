"""Named streams: a split of a data set, seen through one or several views."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.config import Config, Name, Params, Seed

Shape = tuple[int, int, int]
"""Image shape as [C H W]."""

PixelValues = tuple[float, ...]


class Normalize(Config):
    """Subtract the mean and divide by the standard deviation, channel by channel."""

    transform: Literal["normalize"] = Field(description="Name of the transform.")
    mean: PixelValues | None = Field(
        default=None, max_length=16, description="Mean a channel of pixels in [0, 1]; the data set's own if left out."
    )
    std: PixelValues | None = Field(
        default=None, max_length=16, description="Standard deviation a channel; the data set's own if left out."
    )

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        return shape


class Pad(Config):
    """Add a border of zeros."""

    transform: Literal["pad"] = Field(description="Name of the transform.")
    padding: int = Field(ge=1, le=512, description="Pixels added on every side.")

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        channels, height, width = shape
        return channels, height + 2 * self.padding, width + 2 * self.padding


class Resize(Config):
    """Scale to a square by bilinear interpolation."""

    transform: Literal["resize"] = Field(description="Name of the transform.")
    size: int = Field(ge=1, le=1024, description="Side of the square in pixels.")

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        return shape[0], self.size, self.size


class RandomCrop(Config):
    """Pad with zeros, then cut out a window of the original size at a random place."""

    transform: Literal["random_crop"] = Field(description="Name of the transform.")
    padding: int = Field(ge=1, le=512, description="Pixels added on every side before the cut.")

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        return shape


class HorizontalFlip(Config):
    """Mirror left and right with a probability."""

    transform: Literal["horizontal_flip"] = Field(description="Name of the transform.")
    probability: float = Field(default=0.5, ge=0, le=1, description="Share of the images that are mirrored.")

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        return shape


TransformSpec = Annotated[Normalize | Pad | Resize | RandomCrop | HorizontalFlip, Field(discriminator="transform")]


class ViewSpec(Config):
    """One way of looking at a sample: a chain of transforms with a seed of its own."""

    transforms: tuple[TransformSpec, ...] = Field(
        default=(Normalize(transform="normalize"),),
        max_length=32,
        description="Applied in order to pixels in [0, 1]; normalisation alone if left out.",
    )
    seed: Seed = Field(
        default=0, description="Seed of the random transforms; not the run's seed, so caches are shared."
    )

    def shape(self, shape: Shape) -> Shape:
        """Return the shape that images of `shape` [C H W] have in this view."""
        for transform in self.transforms:
            shape = transform.shape(shape)
        return shape


class HoldOut(Config):
    """A seeded division of a split into a held-out part and the rest."""

    ratio: float = Field(gt=0, lt=1, description="Share of the samples that is held out.")
    part: Literal["held_out", "rest"] = Field(description="Which of the two parts the stream reads.")
    seed: Seed = Field(default=0, description="Seed of the division; streams with the same one are disjoint parts.")

    def num_held_out(self, total: int) -> int:
        """Return how many of `total` samples are held out."""
        return round(self.ratio * total)


class StreamSpec(Config):
    """Samples of one split of a data set."""

    dataset: Name = Field(description="Key of the data set in the registry.")
    params: Params = Field(default_factory=dict, description="Options of the data set.")
    split: Name = Field(default="train", description="Split of the data set.")
    hold_out: HoldOut | None = Field(default=None, description="Read only a part of the split.")
    num_samples: int | None = Field(
        default=None, ge=1, description="Read only so many samples, the same ones in every run; all if left out."
    )
    views: dict[Name, ViewSpec] = Field(
        default_factory=lambda: {"main": ViewSpec()},
        min_length=1,
        max_length=8,
        description="Views by name; the first is the one that evaluation and terms use unless they name another.",
    )

    def num_available(self, total: int) -> int:
        """Return how many of a split's `total` samples the stream may read."""
        if self.hold_out is None:
            return total
        held_out = self.hold_out.num_held_out(total)
        return held_out if self.hold_out.part == "held_out" else total - held_out
