"""VGG networks for small images, with BatchNorm and one linear layer.

Karen Simonyan, Andrew Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015
(arXiv 1409.1556), configurations B (VGG-13) and one convolution a stage (VGG-8), as in Tian, Krishnan, Isola 2020
(arXiv 1910.10699), whose code names the weights as they are called here: the last pooling but for the mean is left out
below 64 pixels. The first stage is the stem.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model, draw_convolutions
from distill_core.models import MODELS

WIDTHS = (64, 128, 256, 512, 512)
LEAST_POOLED_SIDE = 64
"""Side of the images from which on the fourth stage is pooled too."""


def build_stage(in_channels: int, out_channels: int, num_convolutions: int) -> nn.Sequential:
    """Return the convolutions of one resolution, each with BatchNorm and ReLU."""
    layers: list[nn.Module] = []
    for number in range(num_convolutions):
        conv = nn.Conv2d(out_channels if number else in_channels, out_channels, 3, padding=1)
        layers += [conv, nn.BatchNorm2d(out_channels), nn.ReLU()]
    return nn.Sequential(*layers)


def build_pool() -> nn.Module:
    """Return what halves a map; an odd row or column is kept."""
    return nn.MaxPool2d(2, ceil_mode=True)


class VGGSmall(Model):
    """A VGG network of five stages for small images; `num_convolutions` convolutions in each."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "block0",
        "stage1": "block1",
        "stage2": "block2",
        "stage3": "block3",
        "stage4": "block4",
        "pooled": "pool4",
        "logits": "classifier",
    }
    num_convolutions: ClassVar[tuple[int, int, int, int, int]]

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        inputs = (params.in_channels, *WIDTHS[:-1])
        stages = list(map(build_stage, inputs, WIDTHS, self.num_convolutions))
        self.block0, self.block1, self.block2, self.block3, self.block4 = stages
        points = ("stem", "stage1", "stage2", "stage3", "stage4")
        self.norms = {point: f"block{number}.{len(stages[number]) - 2}" for number, point in enumerate(points)}
        self.pool0, self.pool1, self.pool2 = build_pool(), build_pool(), build_pool()
        self.pool3 = build_pool() if params.image_size >= LEAST_POOLED_SIDE else nn.Identity()
        self.pool4 = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(WIDTHS[-1], params.num_classes)
        draw_convolutions(self)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.pool1(self.block1(self.pool0(self.block0(x))))
        x = self.pool3(self.block3(self.pool2(self.block2(x))))
        logits: Tensor = self.classifier(self.pool4(self.block4(x)))
        return logits


@MODELS.register("vgg8")
class VGG8(VGGSmall):
    """VGG-8 for small images: 5 convolutions, 3,965,028 weights at 32x32x3 and 100 classes."""

    num_convolutions = (1, 1, 1, 1, 1)


@MODELS.register("vgg13")
class VGG13(VGGSmall):
    """VGG-13 for small images: 10 convolutions, 9,462,180 weights at 32x32x3 and 100 classes."""

    num_convolutions = (2, 2, 2, 2, 2)
