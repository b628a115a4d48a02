"""ShuffleNet for small images, a student of another family in the CIFAR-100 benchmarks of distillation.

Xiangyu Zhang, Xinyu Zhou, Mengxiao Lin, Jian Sun: "ShuffleNet: An Extremely Efficient Convolutional Neural Network for
Mobile Devices", CVPR 2018 (arXiv 1707.01083), 3 groups; for 32x32 pixels as in Tian, Krishnan, Isola 2020
(arXiv 1910.10699), whose code names the weights as they are called here: the stem is a 1x1 convolution without pooling,
and a ReLU follows the depthwise convolution too.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model
from distill_core.models import MODELS

STEM_CHANNELS = 24
STAGE_CHANNELS = (240, 480, 960)
STAGE_UNITS = (4, 8, 4)
NUM_GROUPS = 3


class Unit(nn.Module):
    """Grouped convolutions with a shuffle between them, beside a shortcut.

    Args:
        in_channels: what it is given.
        out_channels: what it returns; at stride 2 the pooled input is a part of that.
        stride: 1 or 2.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        made = out_channels - in_channels if stride == 2 else out_channels
        narrow = made // 4
        self.stride = stride
        self.num_groups = 1 if in_channels == STEM_CHANNELS else NUM_GROUPS
        self.conv1 = nn.Conv2d(in_channels, narrow, 1, groups=self.num_groups, bias=False)
        self.bn1 = nn.BatchNorm2d(narrow)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(narrow, narrow, 3, stride, 1, groups=narrow, bias=False)
        self.bn2 = nn.BatchNorm2d(narrow)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(narrow, made, 1, groups=NUM_GROUPS, bias=False)
        self.bn3 = nn.BatchNorm2d(made)
        self.shortcut = nn.AvgPool2d(3, 2, 1) if stride == 2 else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(convolutions + x) [B C H W], at stride 2 relu(convolutions, pooled x) [B C' H/2 W/2]."""
        narrow = self.relu1(self.bn1(self.conv1(x)))
        shuffled = narrow.unflatten(1, (self.num_groups, -1)).transpose(1, 2).flatten(1, 2)
        made = self.bn3(self.conv3(self.relu2(self.bn2(self.conv2(shuffled)))))
        passed = self.shortcut(x)
        joined: Tensor = self.relu(torch.cat((made, passed), 1) if self.stride == 2 else made + passed)
        return joined


def build_stage(in_channels: int, out_channels: int, num_units: int) -> nn.Sequential:
    """Return the units of one resolution."""
    further = (Unit(out_channels, out_channels, 1) for _ in range(num_units - 1))
    return nn.Sequential(Unit(in_channels, out_channels, 2), *further)


@MODELS.register("shufflenet_v1")
class ShuffleNetV1(Model):
    """ShuffleNet of 3 groups for small images: 949,258 weights at 32x32x3 and 100 classes."""

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
        for number, num_units in enumerate(STAGE_UNITS, 1):
            self.norms[f"stage{number}"] = f"layer{number}.{num_units - 1}.bn3"
        first, second, third = STAGE_CHANNELS
        self.conv1 = nn.Conv2d(params.in_channels, STEM_CHANNELS, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu1 = nn.ReLU()
        self.layer1 = build_stage(STEM_CHANNELS, first, STAGE_UNITS[0])
        self.layer2 = build_stage(first, second, STAGE_UNITS[1])
        self.layer3 = build_stage(second, third, STAGE_UNITS[2])
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.linear = nn.Linear(third, params.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.relu1(self.bn1(self.conv1(x)))
        logits: Tensor = self.linear(self.pool(self.layer3(self.layer2(self.layer1(x)))))
        return logits
