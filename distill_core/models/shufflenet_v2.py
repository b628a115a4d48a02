"""ShuffleNetV2 for small images, a student of another family in the CIFAR-100 benchmarks of distillation.

Ningning Ma, Xiangyu Zhang, Hai-Tao Zheng, Jian Sun: "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture
Design", ECCV 2018 (arXiv 1807.11164); for 32x32 pixels as in Tian, Krishnan, Isola 2020 (arXiv 1910.10699), whose code
names the weights as they are called here: the stem is a 1x1 convolution without pooling, and the mean of the last map
is the mean of all of it. Both halves of a unit are joined and shuffled before the last ReLU, which is the same (what
passes by is not negative) and gives every stage a last activation.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model
from distill_core.models import MODELS

STEM_CHANNELS = 24
STAGE_CHANNELS = (116, 232, 464)
STAGE_UNITS = (4, 8, 4)
HEAD_CHANNELS = 1024


def join(left: Tensor, right: Tensor) -> Tensor:
    """Return both [B C/2 H W] as one whose channels come from either in turn [B C H W]."""
    return torch.stack((left, right), 2).flatten(1, 2)


def depthwise(channels: int, stride: int) -> nn.Conv2d:
    """Return a 3x3 convolution of each channel by itself."""
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)


class Unit(nn.Module):
    """Half of the channels passes by, the other half goes through three convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Conv2d(half, half, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.relu1 = nn.ReLU()
        self.conv2 = depthwise(half, 1)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, half, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(half)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(join(first half, convolutions of the second half)) [B C H W]."""
        left, right = x.chunk(2, dim=1)
        right = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(right)))))
        joined: Tensor = self.relu(join(left, self.bn3(self.conv3(right))))
        return joined


class DownUnit(nn.Module):
    """The first unit of a stage: both halves are made of all channels, at half the resolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.conv1 = depthwise(in_channels, 2)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv2 = nn.Conv2d(in_channels, half, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(in_channels, half, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(half)
        self.relu3 = nn.ReLU()
        self.conv4 = depthwise(half, 2)
        self.bn4 = nn.BatchNorm2d(half)
        self.conv5 = nn.Conv2d(half, half, 1, bias=False)
        self.bn5 = nn.BatchNorm2d(half)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(join(two convolutions, three convolutions)) [B C' H/2 W/2]."""
        left = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        right = self.bn4(self.conv4(self.relu3(self.bn3(self.conv3(x)))))
        joined: Tensor = self.relu(join(left, self.bn5(self.conv5(right))))
        return joined


def build_stage(in_channels: int, out_channels: int, num_units: int) -> nn.Sequential:
    """Return the units of one resolution."""
    return nn.Sequential(DownUnit(in_channels, out_channels), *(Unit(out_channels) for _ in range(num_units - 1)))


@MODELS.register("shufflenet_v2")
class ShuffleNetV2(Model):
    """ShuffleNetV2 of width 1 for small images: 1,355,528 weights at 32x32x3 and 100 classes."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "relu1",
        "stage1": "layer1",
        "stage2": "layer2",
        "stage3": "layer3",
        "pooled": "pool",
        "logits": "linear",
    }

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        self.norms = {"stem": "bn1"}
        first, second, third = STAGE_CHANNELS
        self.conv1 = nn.Conv2d(params.in_channels, STEM_CHANNELS, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu1 = nn.ReLU()
        self.layer1 = build_stage(STEM_CHANNELS, first, STAGE_UNITS[0])
        self.layer2 = build_stage(first, second, STAGE_UNITS[1])
        self.layer3 = build_stage(second, third, STAGE_UNITS[2])
        self.conv2 = nn.Conv2d(third, HEAD_CHANNELS, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(HEAD_CHANNELS)
        self.relu2 = nn.ReLU()
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.linear = nn.Linear(HEAD_CHANNELS, params.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        logits: Tensor = self.linear(self.pool(x))
        return logits
