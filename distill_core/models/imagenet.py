"""Torchvision's MobileNetV3, EfficientNet and ViT, with its names of the weights, so that its files can be loaded.

Andrew Howard et al.: "Searching for MobileNetV3", ICCV 2019 (arXiv 1905.02244); Mingxing Tan, Quoc Le: "EfficientNet:
Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019 (arXiv 1905.11946); Alexey Dosovitskiy et al.:
"An Image is Worth 16x16 Words", ICLR 2021 (arXiv 2010.11929). Modules and initial weights are torchvision's; nothing is
downloaded. What differs: nothing is overwritten in place, what the classifier is given is a module's output, and the
transformer's images get zeros beyond their edges up to the next multiple of its patches. Its ResNets: `resnet.py`.

Shapes: B batch, C channels, H height, W width, L tokens, D width of a token, K classes.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_core.model import ImageModelParams, Model, draw_convolutions
from distill_core.models import MODELS

PATCH = 16
RGB = 3


class InvertedResidual(nn.Module):
    """An inverted residual of torchvision that makes a new tensor of its sum.

    Args:
        original: gives its modules.
    """

    def __init__(self, original: Any) -> None:
        super().__init__()
        self.block: nn.Module = original.block
        self.stochastic_depth: nn.Module = getattr(original, "stochastic_depth", nn.Identity())
        self.has_shortcut: bool = original.use_res_connect

    def forward(self, x: Tensor) -> Tensor:
        """Return block(x) [B C H W], plus x where the shape stays."""
        made: Tensor = self.block(x)
        return x + self.stochastic_depth(made) if self.has_shortcut else made


class TorchvisionCNN(Model):
    """A convolutional network of torchvision; it ends its stages linearly, hence `.pre` of a stage is the stage.

    `.pre` is found where the next module is given it.
    """

    Params = ImageModelParams
    function: ClassVar[str]

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        net = build(self.function, params)
        replace_residuals(net.features)
        self.features = net.features
        self.avgpool = nn.Sequential(net.avgpool, nn.Flatten())
        self.classifier = net.classifier
        if params.in_channels != RGB:
            self.features[0][0] = take_channels(net.features[0][0], params.in_channels)
            draw_convolutions(self.features[0])

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        logits: Tensor = self.classifier(self.avgpool(self.features(x)))
        return logits


@MODELS.register("mobilenet_v3_large")
class MobileNetV3Large(TorchvisionCNN):
    """MobileNetV3-Large of ImageNet: 5,483,032 weights at 1000 classes."""

    function = "mobilenet_v3_large"
    feature_points: ClassVar = {
        "stem": "features.0",
        "stage1": "features.3",
        "stage1.pre": "features.4",
        "stage2": "features.6",
        "stage2.pre": "features.7",
        "stage3": "features.12",
        "stage3.pre": "features.13",
        "stage4": "features.15",
        "stage4.pre": "features.16",
        "pooled": "avgpool",
        "logits": "classifier",
    }


@MODELS.register("efficientnet_b0")
class EfficientNetB0(TorchvisionCNN):
    """EfficientNet-B0 of ImageNet: 5,288,548 weights at 1000 classes."""

    function = "efficientnet_b0"
    feature_points: ClassVar = {
        "stem": "features.0",
        "stage1": "features.2",
        "stage1.pre": "features.3",
        "stage2": "features.3",
        "stage2.pre": "features.4",
        "stage3": "features.5",
        "stage3.pre": "features.6",
        "stage4": "features.7",
        "stage4.pre": "features.8",
        "pooled": "avgpool",
        "logits": "classifier",
    }


@MODELS.register("vit_b_16")
class ViTB16(Model):
    """ViT-B/16 of ImageNet: 86,567,656 weights at 224x224x3 and 1000 classes."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "encoder.dropout",
        "stage1": "encoder.layers.encoder_layer_2",
        "stage2": "encoder.layers.encoder_layer_5",
        "stage3": "encoder.layers.encoder_layer_8",
        "stage4": "encoder.layers.encoder_layer_11",
        "pooled": "heads.token",
        "logits": "heads",
    }

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        self.margin = -params.image_size % PATCH
        net = build("vit_b_16", params, image_size=params.image_size + self.margin)
        self.class_token = net.class_token
        self.conv_proj = net.conv_proj
        self.encoder = net.encoder
        self.heads = nn.Sequential()
        self.heads.add_module("token", nn.Identity())
        self.heads.add_module("head", net.heads.head)
        if params.in_channels != RGB:
            self.conv_proj = take_channels(net.conv_proj, params.in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W], cut into tokens [B L D]."""
        x = functional.pad(x, (0, self.margin, 0, self.margin))
        patches = self.conv_proj(x).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.class_token.expand(x.shape[0], -1, -1), patches), 1)
        logits: Tensor = self.heads(self.encoder(tokens)[:, 0])
        return logits


def build(function: str, params: ImageModelParams, **options: int) -> Any:
    """Return what torchvision's function of that name builds, with activations that overwrite nothing."""
    from torchvision import models  # noqa: PLC0415  takes seconds, and most runs do not need it

    net: nn.Module = getattr(models, function)(weights=None, num_classes=params.num_classes, **options)
    for module in net.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010  not every module has it, says its type
    return net


def replace_residuals(module: nn.Module) -> None:
    """Let every inverted residual below a module make a new tensor of its sum."""
    for name, child in module.named_children():
        if hasattr(child, "use_res_connect"):
            setattr(module, name, InvertedResidual(child))
        else:
            replace_residuals(child)


def take_channels(conv: nn.Conv2d, in_channels: int) -> nn.Conv2d:
    """Return a convolution like the first one of a network, for images of so many channels."""
    size, stride, padding = conv.kernel_size, conv.stride, conv.padding
    has_bias = conv.bias is not None
    return nn.Conv2d(in_channels, conv.out_channels, size, stride, padding, bias=has_bias)  # type: ignore[arg-type]
