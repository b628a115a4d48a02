"""The ResNets of ImageNet, with torchvision's names of the weights, so that its published files can be loaded.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: "Deep Residual Learning for Image Recognition", CVPR 2016
(arXiv 1512.03385). As in torchvision, and unlike the paper, a bottleneck halves the map in its 3x3 convolution.
Every activation is a module of its own and nothing is overwritten, which torchvision's blocks do.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model, draw_convolutions
from distill_core.models import MODELS

STEM_CHANNELS = 64
WIDTHS = (64, 128, 256, 512)


class ResidualBlock(nn.Module):
    """Convolutions beside a shortcut, and a ReLU behind their sum; `expansion` widens what the block returns."""

    expansion: ClassVar[int]
    last_norm: ClassVar[str]

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.downsample: nn.Module = nn.Identity()
        out_channels = width * self.expansion
        if stride != 1 or in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions."""

    expansion = 1
    last_norm = "bn2"

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__(in_channels, width, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)) [B C H W]."""
        residual = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        joined: Tensor = self.relu(residual + self.downsample(x))
        return joined


class Bottleneck(ResidualBlock):
    """A 3x3 convolution between two of 1x1, the last of which is four times as wide."""

    expansion = 4
    last_norm = "bn3"

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__(in_channels, width, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + shortcut(x)) [B C H W]."""
        narrow = self.relu2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))
        joined: Tensor = self.relu(self.bn3(self.conv3(narrow)) + self.downsample(x))
        return joined


class ResNet(Model):
    """A ResNet of four stages; the stem halves the image twice, stages 2 to 4 halve the map."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "relu",
        "stage1": "layer1",
        "stage2": "layer2",
        "stage3": "layer3",
        "stage4": "layer4",
        "pooled": "avgpool",
        "logits": "fc",
    }
    block: ClassVar[type[ResidualBlock]]
    num_blocks: ClassVar[tuple[int, int, int, int]]

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        self.conv1 = nn.Conv2d(params.in_channels, STEM_CHANNELS, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2, self.layer3, self.layer4 = self._build_stages()
        self.avgpool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(WIDTHS[-1] * self.block.expansion, params.num_classes)
        self.norms = {"stem": "bn1"}
        for number, count in enumerate(self.num_blocks, 1):
            self.norms[f"stage{number}"] = f"layer{number}.{count - 1}.{self.block.last_norm}"
        draw_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(self.avgpool(x))
        return logits

    def _build_stages(self) -> Iterator[nn.Sequential]:
        in_channels = STEM_CHANNELS
        for number, (width, count) in enumerate(zip(WIDTHS, self.num_blocks, strict=True)):
            out_channels = width * self.block.expansion
            further = (self.block(out_channels, width, 1) for _ in range(count - 1))
            yield nn.Sequential(self.block(in_channels, width, 2 if number else 1), *further)
            in_channels = out_channels


@MODELS.register("resnet18")
class ResNet18(ResNet):
    """ResNet-18 of ImageNet: 11,689,512 weights at 1000 classes."""

    block = BasicBlock
    num_blocks = (2, 2, 2, 2)


@MODELS.register("resnet34")
class ResNet34(ResNet):
    """ResNet-34 of ImageNet: 21,797,672 weights at 1000 classes."""

    block = BasicBlock
    num_blocks = (3, 4, 6, 3)


@MODELS.register("resnet50")
class ResNet50(ResNet):
    """ResNet-50 of ImageNet: 25,557,032 weights at 1000 classes."""

    block = Bottleneck
    num_blocks = (3, 4, 6, 3)


@MODELS.register("resnet152")
class ResNet152(ResNet):
    """ResNet-152 of ImageNet: 60,192,808 weights at 1000 classes."""

    block = Bottleneck
    num_blocks = (3, 8, 36, 3)
