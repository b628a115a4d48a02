"""The transforms of a view, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from distill_core.spec.config import Config

Shape = tuple[int, int | None, int | None]
"""Image shape as [C H W]; a side is None where it differs from image to image."""

PixelValues = tuple[float, ...]
Share = Annotated[float, Field(gt=0, le=1)]
Side = Annotated[int, Field(ge=1, le=1024)]
Strength = Annotated[float, Field(ge=0, le=1)]


class Transform(Config):
    """A step of a view.

    Attributes:
        is_random: whether it draws numbers.
        moves_pixels: whether what was at one place of the image may be at another one afterwards.
        takes_pixels: whether it takes pixels in [0, 1] alone, which are none any more once they are normalised.
    """

    is_random: ClassVar[bool] = False
    moves_pixels: ClassVar[bool] = False
    takes_pixels: ClassVar[bool] = False

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        return shape

    def faults(self) -> Mapping[str, str]:
        """Return what is wrong between the fields: field -> what it must be."""
        return {}


class Normalize(Transform):
    """Subtract the mean and divide by the standard deviation, channel by channel."""

    transform: Literal["normalize"] = Field(description="Name of the transform.")
    mean: PixelValues | None = Field(
        default=None, max_length=16, description="Mean a channel of pixels in [0, 1]; the data set's own if left out."
    )
    std: PixelValues | None = Field(
        default=None, max_length=16, description="Standard deviation a channel; the data set's own if left out."
    )


class Pad(Transform):
    """Add a border of zeros."""

    moves_pixels = True
    transform: Literal["pad"] = Field(description="Name of the transform.")
    padding: int = Field(ge=1, le=512, description="Pixels added on every side.")

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        channels, *sides = shape
        height, width = (side and side + 2 * self.padding for side in sides)
        return channels, height, width


class Resize(Transform):
    """Scale by bilinear interpolation: to a square, or with the proportions kept."""

    moves_pixels = True
    transform: Literal["resize"] = Field(description="Name of the transform.")
    size: Side = Field(description="Side of the square in pixels, or the shorter side.")
    shorter_side: bool = Field(
        default=False, description="Keep the proportions and give the shorter side the size, instead of a square."
    )

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        channels, height, width = shape
        if not self.shorter_side:
            return channels, self.size, self.size
        if height is None or width is None:
            return channels, None, None
        longer = self.size * max(height, width) // min(height, width)
        return (channels, self.size, longer) if height <= width else (channels, longer, self.size)


class CenterCrop(Transform):
    """Cut a square out of the middle; zeros fill what a smaller image lacks."""

    moves_pixels = True
    transform: Literal["center_crop"] = Field(description="Name of the transform.")
    size: Side = Field(description="Side of the square in pixels.")

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        return shape[0], self.size, self.size


class RandomCrop(Transform):
    """Pad with zeros, then cut out a window of the original size at a random place."""

    is_random = True
    moves_pixels = True
    transform: Literal["random_crop"] = Field(description="Name of the transform.")
    padding: int = Field(ge=1, le=512, description="Pixels added on every side before the cut.")


class RandomResizedCrop(Transform):
    """Cut out a random part of random proportions and scale it to a square."""

    is_random = True
    moves_pixels = True
    transform: Literal["random_resized_crop"] = Field(description="Name of the transform.")
    size: Side = Field(description="Side of the square in pixels.")
    scale: tuple[Share, Share] = Field(default=(0.08, 1.0), description="Smallest and largest share of the area.")
    ratio: tuple[Annotated[float, Field(gt=0, le=100)], Annotated[float, Field(gt=0, le=100)]] = Field(
        default=(3 / 4, 4 / 3), description="Smallest and largest width over height of the part."
    )

    def shape(self, shape: Shape) -> Shape:
        """Return the image shape after the transform."""
        return shape[0], self.size, self.size

    def faults(self) -> Mapping[str, str]:
        """Return what is wrong between the fields."""
        return _unordered(scale=self.scale, ratio=self.ratio)


class HorizontalFlip(Transform):
    """Mirror left and right with a probability."""

    is_random = True
    moves_pixels = True
    transform: Literal["horizontal_flip"] = Field(description="Name of the transform.")
    probability: float = Field(default=0.5, ge=0, le=1, description="Share of the images that are mirrored.")


class ColorJitter(Transform):
    """Change brightness, then contrast, then saturation, each by a random factor in [1 - x, 1 + x]."""

    is_random = True
    transform: Literal["color_jitter"] = Field(description="Name of the transform.")
    brightness: Strength = Field(default=0.0, description="x of the brightness.")
    contrast: Strength = Field(default=0.0, description="x of the contrast.")
    saturation: Strength = Field(default=0.0, description="x of the saturation; grey images have none.")


class RandomErasing(Transform):
    """Set a random part of random proportions to 0, with a probability."""

    is_random = True
    transform: Literal["random_erasing"] = Field(description="Name of the transform.")
    probability: float = Field(default=0.5, ge=0, le=1, description="Share of the images that lose a part.")
    scale: tuple[Share, Share] = Field(default=(0.02, 1 / 3), description="Smallest and largest share of the area.")
    ratio: tuple[Annotated[float, Field(gt=0, le=100)], Annotated[float, Field(gt=0, le=100)]] = Field(
        default=(0.3, 3.3), description="Smallest and largest width over height of the part."
    )

    def faults(self) -> Mapping[str, str]:
        """Return what is wrong between the fields."""
        return _unordered(scale=self.scale, ratio=self.ratio)


def _unordered(**ranges: tuple[float, float]) -> Mapping[str, str]:
    return {name: "two numbers that do not descend" for name, (least, most) in ranges.items() if least > most}
