"""MobileNetV2 for small images, half as wide as the paper's.

Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen: "MobileNetV2: Inverted Residuals and
Linear Bottlenecks", CVPR 2018 (arXiv 1801.04381). As in Tian, Krishnan, Isola 2020 (arXiv 1910.10699), whose code
names the weights as they are called here: ReLU instead of ReLU6, no stride in the second group, expansion in the first
block too (by 1), and as many channels before the classifier as at full width. Groups end linearly, without an
activation: `.pre` of a stage is the stage itself, found where the next module is given it.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model, draw_convolutions
from distill_core.models import MODELS

STEM_CHANNELS = 16
HEAD_CHANNELS = 1280
GROUPS = ((1, 8, 1, 1), (6, 12, 2, 1), (6, 16, 3, 2), (6, 32, 4, 2), (6, 48, 3, 1), (6, 80, 3, 2), (6, 160, 1, 1))
"""Expansion, channels, blocks, and stride of the first block: the paper's Table 2 at half its width."""


def convolve(in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution with its BatchNorm."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out_channels)]


class InvertedResidual(nn.Module):
    """Wide in the middle, narrow and linear at its ends; with a shortcut where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.conv = nn.Sequential(
            *convolve(in_channels, hidden, 1),
            nn.ReLU(),
            *convolve(hidden, hidden, 3, stride, groups=hidden),
            nn.ReLU(),
            *convolve(hidden, out_channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return conv(x) [B C H W], plus x where there is a shortcut."""
        narrow: Tensor = self.conv(x)
        return x + narrow if self.has_shortcut else narrow


def build_group(in_channels: int, expansion: int, out_channels: int, num_blocks: int, stride: int) -> nn.Sequential:
    """Return the blocks of one row of the paper's table."""
    further = (InvertedResidual(out_channels, out_channels, 1, expansion) for _ in range(num_blocks - 1))
    return nn.Sequential(InvertedResidual(in_channels, out_channels, stride, expansion), *further)


@MODELS.register("mobilenet_v2")
class MobileNetV2(Model):
    """MobileNetV2 of width 0.5 for small images: 812,836 weights at 32x32x3 and 100 classes."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "conv1",
        "stage1": "blocks.1",
        "stage1.pre": "blocks.2",
        "stage2": "blocks.2",
        "stage2.pre": "blocks.3",
        "stage3": "blocks.4",
        "stage3.pre": "blocks.5",
        "stage4": "blocks.6",
        "stage4.pre": "conv2",
        "pooled": "pool",
        "logits": "classifier",
    }

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        inputs = (STEM_CHANNELS, *(channels for _, channels, _, _ in GROUPS))
        self.conv1 = nn.Sequential(*convolve(params.in_channels, STEM_CHANNELS, 3, 2), nn.ReLU())
        self.blocks = nn.Sequential(*(build_group(width, *group) for width, group in zip(inputs, GROUPS, strict=False)))
        self.conv2 = nn.Sequential(*convolve(inputs[-1], HEAD_CHANNELS, 1), nn.ReLU())
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        linear = nn.Linear(HEAD_CHANNELS, params.num_classes)
        self.classifier = nn.Sequential(linear)
        self.norms = {"stem": "conv1.1"}
        for number, group in enumerate((1, 2, 4, 6), 1):
            self.norms[f"stage{number}"] = f"blocks.{group}.{GROUPS[group][2] - 1}.conv.7"
        draw_convolutions(self)
        nn.init.normal_(linear.weight, std=0.01)
        nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.conv2(self.blocks(self.conv1(x)))
        logits: Tensor = self.classifier(self.pool(x))
        return logits
