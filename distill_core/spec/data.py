"""Named streams: a split of a data set, seen through one or several views."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.augment import AutoAugment, Noise, RandAugment
from distill_core.spec.config import Config, Name, Params, Seed
from distill_core.spec.transform import (
    CenterCrop,
    ColorJitter,
    HorizontalFlip,
    Normalize,
    Pad,
    RandomCrop,
    RandomErasing,
    RandomResizedCrop,
    Resize,
    Shape,
)

TransformSpec = Annotated[
    Normalize
    | Pad
    | Resize
    | CenterCrop
    | RandomCrop
    | RandomResizedCrop
    | HorizontalFlip
    | ColorJitter
    | RandomErasing
    | RandAugment
    | AutoAugment
    | Noise,
    Field(discriminator="transform"),
]
"""A step of a view, by name."""


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
    variants: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Random transforms repeat after so many epochs, so that outputs can be cached; never if left out.",
    )

    @property
    def is_random(self) -> bool:
        """Whether any of the transforms draws numbers."""
        return any(transform.is_random for transform in self.transforms)

    def replay(self, epoch: int) -> int:
        """Return the epoch whose random numbers an epoch uses."""
        return epoch if self.variants is None else epoch % self.variants

    def shape(self, shape: Shape) -> Shape:
        """Return the shape that images of `shape` [C H W] have in this view; None for a side that is not fixed."""
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
    upload: str | None = Field(
        default=None,
        pattern=r"^upl_[0-9A-HJKMNP-TV-Z]{26}$",
        description="Id of an uploaded archive that is read in the data folder's place; the data folder if left out.",
    )
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
