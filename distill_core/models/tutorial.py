"""DeepNN and LightNN, the teacher and the student of PyTorch's tutorial on knowledge distillation.

Alexandros Chariton: "Knowledge Distillation Tutorial", pytorch.org. The modules are built in the tutorial's order and
keep its weight names, so that seed 42 gives the tutorial's initial weights.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from distill_core.model import ImageModelParams, Model
from distill_core.models import MODELS


class TutorialModel(Model):
    """Convolutions that halve the image twice, then two linear layers."""

    Params = ImageModelParams

    def __init__(self, params: ImageModelParams, features: nn.Sequential, channels: int, hidden: int) -> None:
        super().__init__(params)
        self.features = features
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(channels * (params.image_size // 4) ** 2, hidden),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, params.num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        logits: Tensor = self.classifier(self.flatten(self.features(x)))
        return logits


@MODELS.register("deep_nn")
class DeepNN(TutorialModel):
    """The tutorial's teacher: 4 convolutions, 1,186,986 weights at 32x32x3 and 10 classes."""

    feature_points: ClassVar = {
        "stem": "features.1",
        "stage1": "features.4",
        "stage2": "features.9",
        "pooled": "flatten",
        "logits": "classifier.3",
    }

    def __init__(self, params: ImageModelParams) -> None:
        features = nn.Sequential(
            nn.Conv2d(params.in_channels, 128, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(128, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        super().__init__(params, features, channels=32, hidden=512)


@MODELS.register("light_nn")
class LightNN(TutorialModel):
    """The tutorial's student: 2 convolutions, 267,738 weights at 32x32x3 and 10 classes."""

    feature_points: ClassVar = {
        "stem": "features.1",
        "stage1": "features.2",
        "stage2": "features.5",
        "pooled": "flatten",
        "logits": "classifier.3",
    }

    def __init__(self, params: ImageModelParams) -> None:
        features = nn.Sequential(
            nn.Conv2d(params.in_channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        super().__init__(params, features, channels=16, hidden=256)
