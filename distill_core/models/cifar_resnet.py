"""The CIFAR ResNets of He et al., teachers and students of most benchmarks of distillation.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: "Deep Residual Learning for Image Recognition", CVPR 2016
(arXiv 1512.03385), section 4.2, with projections where the shape changes, and initial weights as there. The `x4`
networks are twice as wide in the stem and four times after it. This is the family of Tian, Krishnan, Isola 2020
(arXiv 1910.10699), whose code names the weights as they are called here; `resnet_small.py` is another one.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model, draw_convolutions
from distill_core.models import MODELS


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, and a ReLU behind their sum."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(out_channels))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)) [B C H W]."""
        residual = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        joined: Tensor = self.relu(residual + self.downsample(x))
        return joined


def build_stage(in_channels: int, out_channels: int, stride: int, num_blocks: int) -> nn.Sequential:
    """Return the blocks of one resolution."""
    further = (BasicBlock(out_channels, out_channels, 1) for _ in range(num_blocks - 1))
    return nn.Sequential(BasicBlock(in_channels, out_channels, stride), *further)


class CIFARResNet(Model):
    """A ResNet of three stages for small images; `num_blocks` blocks in each."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "relu",
        "stage1": "layer1",
        "stage2": "layer2",
        "stage3": "layer3",
        "pooled": "avgpool",
        "logits": "fc",
    }
    num_blocks: ClassVar[int]
    widths: ClassVar[tuple[int, int, int, int]] = (16, 16, 32, 64)

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        stem, first, second, third = self.widths
        last = self.num_blocks - 1
        self.norms = {"stem": "bn1", **{f"stage{number}": f"layer{number}.{last}.bn2" for number in (1, 2, 3)}}
        self.conv1 = nn.Conv2d(params.in_channels, stem, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU()
        self.layer1 = build_stage(stem, first, 1, self.num_blocks)
        self.layer2 = build_stage(first, second, 2, self.num_blocks)
        self.layer3 = build_stage(second, third, 2, self.num_blocks)
        self.avgpool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(third, params.num_classes)
        draw_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.relu(self.bn1(self.conv1(x)))
        logits: Tensor = self.fc(self.avgpool(self.layer3(self.layer2(self.layer1(x)))))
        return logits


@MODELS.register("cifar_resnet8")
class CIFARResNet8(CIFARResNet):
    """CIFAR ResNet-8: 1 block a stage, 83,892 weights at 32x32x3 and 100 classes."""

    num_blocks = 1


@MODELS.register("cifar_resnet14")
class CIFARResNet14(CIFARResNet):
    """CIFAR ResNet-14: 2 blocks a stage, 181,108 weights at 32x32x3 and 100 classes."""

    num_blocks = 2


@MODELS.register("cifar_resnet20")
class CIFARResNet20(CIFARResNet):
    """CIFAR ResNet-20: 3 blocks a stage, 278,324 weights at 32x32x3 and 100 classes."""

    num_blocks = 3


@MODELS.register("cifar_resnet32")
class CIFARResNet32(CIFARResNet):
    """CIFAR ResNet-32: 5 blocks a stage, 472,756 weights at 32x32x3 and 100 classes."""

    num_blocks = 5


@MODELS.register("cifar_resnet56")
class CIFARResNet56(CIFARResNet):
    """CIFAR ResNet-56: 9 blocks a stage, 861,620 weights at 32x32x3 and 100 classes."""

    num_blocks = 9


@MODELS.register("cifar_resnet110")
class CIFARResNet110(CIFARResNet):
    """CIFAR ResNet-110: 18 blocks a stage, 1,736,564 weights at 32x32x3 and 100 classes."""

    num_blocks = 18


@MODELS.register("cifar_resnet8x4")
class CIFARResNet8x4(CIFARResNet):
    """CIFAR ResNet-8, four times as wide: 1 block a stage, 1,233,540 weights at 32x32x3 and 100 classes."""

    num_blocks = 1
    widths = (32, 64, 128, 256)


@MODELS.register("cifar_resnet32x4")
class CIFARResNet32x4(CIFARResNet):
    """CIFAR ResNet-32, four times as wide: 5 blocks a stage, 7,433,860 weights at 32x32x3 and 100 classes."""

    num_blocks = 5
    widths = (32, 64, 128, 256)
