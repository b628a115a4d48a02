"""SKD: softened class probabilities, and the similarities of the logits of a batch.

Jeong et al.: "Streamlined Knowledge Distillation", CVPR 2026.

Settings: the authors' script for CIFAR-100, where ResNet-32x4 -> ResNet-8x4, ResNet-56 -> ResNet-20 and WRN-40-2 ->
WRN-16-2 reach 78.33, 72.50 and 76.60 %, by models and a training of its own; 240 epochs are the paper's, the script has
250. The paper's text has neither labels nor weights: `mode: paper`, `ce_weight: 0`, `skd_weight: 1`. On ImageNet rate
0.2, x 0.1 every 30 of 100 epochs, batches of 512, weight decay 0.0001; ResNet-34 -> ResNet-18 71.13 %.

    | stage  | learns  | objective          | epochs, batch | SGD's learning rate, momentum 0.9    |
    | distil | student | 0.1 ce + 0.9 skd   | 240, 64       | 0.1, x 0.1 after 150, 180, 210       |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("skd")
class SKD(Recipe):
    """Soft targets and whitened similarities of logits, in one stage."""

    mode: Literal["paper", "code", "released"] = Field(
        default="released", description="The paper's formulas, those of the authors' code, or of the code as released."
    )
    tikhonov: float = Field(
        default=0.1, ge=1e-6, le=1e6, description="Multiple of the identity that the covariance is given."
    )
    ce_weight: Weight = Field(default=0.1, description="Weight of cross-entropy; 0 leaves it out.")
    skd_weight: Weight = Field(default=0.9, description="Weight of both parts together.")
    instance_weight: Weight = Field(default=1.0, description="Further weight of the teacher's soft targets.")
    direction_weight: Weight = Field(default=1.0, description="Further weight of the similarities.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both before the softmax.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=4e-5),
        description="Optimizer and its options.",
    )

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "skd": {
                        "method": "skd",
                        "weight": self.skd_weight,
                        "parts": {"instance": self.instance_weight, "direction": self.direction_weight},
                        "params": {
                            "mode": self.mode,
                            "temperature": self.temperature,
                            "tikhonov": self.tikhonov,
                        },
                    },
                },
            },
        )
