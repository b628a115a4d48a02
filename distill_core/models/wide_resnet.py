"""Wide residual networks for small images: WRN-d-k has d layers and is k times as wide as a CIFAR ResNet.

Sergey Zagoruyko, Nikos Komodakis: "Wide Residual Networks", BMVC 2016 (arXiv 1605.07146), without dropout, as in Tian,
Krishnan, Isola 2020 (arXiv 1910.10699), whose code names the weights as they are called here. BatchNorm and ReLU stand
in front of the convolutions: a stage ends in a sum, and what `.pre` means there lies at the beginning of the next.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model, draw_convolutions
from distill_core.models import MODELS

BASE_WIDTHS = (16, 32, 64)


class PreActivationBlock(nn.Module):
    """Two 3x3 convolutions, each behind BatchNorm and ReLU, beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.has_projection = in_channels != out_channels
        if self.has_projection:
            self.convShortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return conv2(relu(bn2(conv1(a)))) + shortcut [B C H W], a = relu(bn1(x)); shortcut x, or a projected."""
        active = self.relu1(self.bn1(x))
        residual: Tensor = self.conv2(self.relu2(self.bn2(self.conv1(active))))
        return residual + (self.convShortcut(active) if self.has_projection else x)


class Stage(nn.Module):
    """The blocks of one resolution."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, num_blocks: int) -> None:
        super().__init__()
        further = (PreActivationBlock(out_channels, out_channels, 1) for _ in range(num_blocks - 1))
        self.layer = nn.Sequential(PreActivationBlock(in_channels, out_channels, stride), *further)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum that the last block ends in [B C H W]."""
        joined: Tensor = self.layer(x)
        return joined


class WideResNet(Model):
    """A wide ResNet of three stages for small images; `num_blocks` blocks in each."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "conv1",
        "stem.pre": "block1.layer.0.relu1",
        "stage1": "block1",
        "stage1.pre": "block2.layer.0.relu1",
        "stage2": "block2",
        "stage2.pre": "block3.layer.0.relu1",
        "stage3": "block3",
        "stage3.pre": "relu",
        "pooled": "pool",
        "logits": "fc",
    }
    num_blocks: ClassVar[int]
    factor: ClassVar[int]

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        self.norms = {
            "stem": "block1.layer.0.bn1",
            "stage1": "block2.layer.0.bn1",
            "stage2": "block3.layer.0.bn1",
            "stage3": "bn1",
        }
        stem = BASE_WIDTHS[0]
        first, second, third = (width * self.factor for width in BASE_WIDTHS)
        self.conv1 = nn.Conv2d(params.in_channels, stem, 3, padding=1, bias=False)
        self.block1 = Stage(stem, first, 1, self.num_blocks)
        self.block2 = Stage(first, second, 2, self.num_blocks)
        self.block3 = Stage(second, third, 2, self.num_blocks)
        self.bn1 = nn.BatchNorm2d(third)
        self.relu = nn.ReLU()
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(third, params.num_classes)
        draw_convolutions(self)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        logits: Tensor = self.fc(self.pool(self.relu(self.bn1(x))))
        return logits


@MODELS.register("wrn_16_1")
class WRN16x1(WideResNet):
    """WRN-16-1: 2 blocks a stage, 180,916 weights at 32x32x3 and 100 classes."""

    num_blocks = 2
    factor = 1


@MODELS.register("wrn_16_2")
class WRN16x2(WideResNet):
    """WRN-16-2: 2 blocks a stage, 703,284 weights at 32x32x3 and 100 classes."""

    num_blocks = 2
    factor = 2


@MODELS.register("wrn_40_1")
class WRN40x1(WideResNet):
    """WRN-40-1: 6 blocks a stage, 569,780 weights at 32x32x3 and 100 classes."""

    num_blocks = 6
    factor = 1


@MODELS.register("wrn_40_2")
class WRN40x2(WideResNet):
    """WRN-40-2: 6 blocks a stage, 2,255,156 weights at 32x32x3 and 100 classes."""

    num_blocks = 6
    factor = 2
