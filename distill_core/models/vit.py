"""ViT, vision transformers of a size that small images need.

Alexey Dosovitskiy et al.: "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", ICLR 2021
(arXiv 2010.11929): class token, learned positions, blocks with LayerNorm in front of attention and of an MLP four times
as wide. The paper's models are made for 224x224 pixels; here an image of any size is cut into 4x4 patches or a few
more, is shallow and narrow, and has no dropout. The attention's `qkv` and `proj` are modules of their own.

Shapes: B batch, C channels, H height, W width, L tokens, D width of a token, A heads, K classes.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_core.model import ImageModelParams, Model
from distill_core.models import MODELS

NUM_PATCHES = 4
"""Patches a side, if they divide the image; one or more are added otherwise, so that all pixels are seen."""
NUM_STAGES = 4
MLP_RATIO = 4
TOKEN_STD = 0.02
EPS = 1e-6


class Embedding(nn.Module):
    """Patches as tokens, the class token before them, and what tells their positions."""

    def __init__(self, params: ImageModelParams, width: int) -> None:
        super().__init__()
        patch = max(1, params.image_size // NUM_PATCHES)
        num_patches = -(-params.image_size // patch)
        self.margin = num_patches * patch - params.image_size
        self.proj = nn.Conv2d(params.in_channels, width, patch, patch)
        self.class_token = nn.Parameter(torch.randn(1, 1, width) * TOKEN_STD)
        self.positions = nn.Parameter(torch.randn(1, 1 + num_patches**2, width) * TOKEN_STD)

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens [B L D] of images [B C H W], zeros beyond their right and lower edges."""
        x = functional.pad(x, (0, self.margin, 0, self.margin))
        patches = self.proj(x).flatten(2).transpose(1, 2)
        return torch.cat((self.class_token.expand(x.shape[0], -1, -1), patches), 1) + self.positions


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return proj(softmax(q k^T / sqrt(D / A)) v) [B L D], the softmax in each head."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)  # [B A L D/A]
        heads = functional.scaled_dot_product_attention(q, k, v)
        mixed: Tensor = self.proj(heads.transpose(1, 2).flatten(2))
        return mixed


class Block(nn.Module):
    """Attention, then an MLP, each behind a LayerNorm and beside a shortcut."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attention = Attention(width, num_heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens [B L D] after y = x + attention(norm(x)) and y + MLP(norm(y))."""
        x = x + self.attention(self.norm1(x))
        hidden = self.gelu(self.fc1(self.norm2(x)))
        mlp: Tensor = self.fc2(hidden)
        return x + mlp


class ClassToken(nn.Module):
    """The class token, normalised: all that the classifier sees."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Return norm(first token) [B D]."""
        token: Tensor = self.norm(x[:, 0])
        return token


class ViT(Model):
    """A vision transformer; a stage is a quarter of its blocks."""

    Params = ImageModelParams
    feature_points: ClassVar = {
        "stem": "stem",
        "stage1": "stage1",
        "stage2": "stage2",
        "stage3": "stage3",
        "stage4": "stage4",
        "pooled": "pool",
        "logits": "classifier",
    }
    depth: ClassVar[int]
    width: ClassVar[int]
    num_heads: ClassVar[int] = 3

    def __init__(self, params: ImageModelParams) -> None:
        super().__init__(params)
        self.stem = Embedding(params, self.width)
        self.stage1, self.stage2, self.stage3, self.stage4 = (self._build_stage() for _ in range(NUM_STAGES))
        self.pool = ClassToken(self.width)
        self.classifier = nn.Linear(self.width, params.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        x = self.stage4(self.stage3(self.stage2(self.stage1(self.stem(x)))))
        logits: Tensor = self.classifier(self.pool(x))
        return logits

    def _build_stage(self) -> nn.Sequential:
        return nn.Sequential(*(Block(self.width, self.num_heads) for _ in range(self.depth // NUM_STAGES)))


@MODELS.register("vit_d4")
class ViTD4(ViT):
    """ViT of 4 blocks, 48 wide with 3 heads: 123,802 weights at 32x32x3 and 10 classes."""

    depth = 4
    width = 48


@MODELS.register("vit_d8")
class ViTD8(ViT):
    """ViT of 8 blocks, 96 wide with 3 heads: 916,138 weights at 32x32x3 and 10 classes."""

    depth = 8
    width = 96
