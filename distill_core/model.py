"""What a model of the registry is: a module that knows its options and names its feature points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from torch import nn

from distill_core.spec.config import Config

__all__ = ["ImageModelParams", "Model", "draw_convolutions"]


class ImageModelParams(Config):
    """Options that every image classifier takes; they follow from the data where a spec leaves them out."""

    num_classes: int = Field(ge=1, le=100_000, description="Classes that the model tells apart.")
    in_channels: int = Field(ge=1, le=16, description="Channels of the images.")
    image_size: int = Field(ge=4, le=1024, description="Side of the square images in pixels.")


class Model(nn.Module):
    """A model of the registry.

    Attributes:
        Params: the options it takes.
        feature_points: symbolic name (`stem`, `stage1`, ..., `pooled`, `logits`) -> path of the module whose output
            it is; `stage1.pre` -> path of the module that is given it, where the activation does not lie inside of
            the stage. A probe finds them where a family declares none.
        norms: feature point -> path of the BatchNorm whose output the last activation there is given.
        params: the options it was built with.
    """

    Params: ClassVar[type[Config]]
    feature_points: ClassVar[Mapping[str, str]]
    norms: Mapping[str, str] = {}

    def __init__(self, params: Config) -> None:
        super().__init__()
        self.params = params


def draw_convolutions(model: nn.Module) -> None:
    """Draw the weights of all convolutions from a normal distribution of variance 2 / fan-out (arXiv 1502.01852)."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
