"""ResNetSmall, the three-stage residual networks for small images of Ruffy & Chahal's distillation study.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850). The
family follows He et al. 2016 (arXiv 1512.03385) with a stem of 64 channels, and its blocks return their sum without a
ReLU: only the stem and each stage end in one. Initial weights are torch's defaults, as in the study.

Shapes: B batch, C channels, H height, W width, K classes, F features.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model
from distill_core.models import MODELS

STEM_CHANNELS = 64
STAGE_CHANNELS = (16, 32, 64)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the sum is returned as it is."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x) [B C H W]."""
        residual: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        shortcut: Tensor = self.shortcut(x)
        return residual + shortcut


class Stage(nn.Sequential):
    """Blocks joined linearly, then one ReLU."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, num_blocks: int) -> None:
        blocks = [BasicBlock(in_channels, out_channels, stride)]
        blocks += [BasicBlock(out_channels, out_channels, 1) for _ in range(num_blocks - 1)]
        super().__init__(*blocks)
        self.add_module("relu", nn.ReLU())


class ResNetSmall(Model):
    """A ResNet of three stages for small images; `num_blocks` blocks in each."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "stem.relu",
        "stage1": "stage1.relu",
        "stage2": "stage2.relu",
        "stage3": "stage3.relu",
        "pooled": "pool",
        "logits": "classifier",
    }
    num_blocks: ClassVar[int]

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        self.stem = nn.Sequential()
        self.stem.add_module("conv", nn.Conv2d(params.in_channels, STEM_CHANNELS, 3, padding=1, bias=False))
        self.stem.add_module("bn", nn.BatchNorm2d(STEM_CHANNELS))
        self.stem.add_module("relu", nn.ReLU())
        first, second, third = STAGE_CHANNELS
        self.stage1 = Stage(STEM_CHANNELS, first, 1, self.num_blocks)
        self.stage2 = Stage(first, second, 2, self.num_blocks)
        self.stage3 = Stage(second, third, 2, self.num_blocks)
        self.norms = {f"stage{number}": f"stage{number}.{self.num_blocks - 1}.bn2" for number in (1, 2, 3)}
        self.norms["stem"] = "stem.bn"
        side = -(-params.image_size // 4)
        window = min(4, side)
        self.pool = nn.Sequential(nn.AvgPool2d(window), nn.Flatten())
        self.classifier = nn.Linear(third * (side // window) ** 2, params.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        logits: Tensor = self.classifier(self.pool(x))
        return logits


@MODELS.register("resnet8")
class ResNet8(ResNetSmall):
    """ResNet-8 for small images: 1 block a stage, 89,322 weights at 32x32x3 and 10 classes."""

    num_blocks = 1


@MODELS.register("resnet14")
class ResNet14(ResNetSmall):
    """ResNet-14 for small images: 2 blocks a stage, 186,538 weights at 32x32x3 and 10 classes."""

    num_blocks = 2


@MODELS.register("resnet20")
class ResNet20(ResNetSmall):
    """ResNet-20 for small images: 3 blocks a stage, 283,754 weights at 32x32x3 and 10 classes."""

    num_blocks = 3


@MODELS.register("resnet26")
class ResNet26(ResNetSmall):
    """ResNet-26 for small images: 4 blocks a stage, 380,970 weights at 32x32x3 and 10 classes."""

    num_blocks = 4


@MODELS.register("resnet32")
class ResNet32(ResNetSmall):
    """ResNet-32 for small images: 5 blocks a stage, 478,186 weights at 32x32x3 and 10 classes."""

    num_blocks = 5


@MODELS.register("resnet44")
class ResNet44(ResNetSmall):
    """ResNet-44 for small images: 7 blocks a stage, 672,618 weights at 32x32x3 and 10 classes."""

    num_blocks = 7


@MODELS.register("resnet56")
class ResNet56(ResNetSmall):
    """ResNet-56 for small images: 9 blocks a stage, 867,050 weights at 32x32x3 and 10 classes."""

    num_blocks = 9


@MODELS.register("resnet110")
class ResNet110(ResNetSmall):
    """ResNet-110 for small images: 18 blocks a stage, 1,741,994 weights at 32x32x3 and 10 classes."""

    num_blocks = 18
