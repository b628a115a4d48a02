"""DKD: what the teacher says of the label's class and of the other classes, each with a weight, beside the labels.

Borui Zhao, Quan Cui, Renjie Song, Yiyu Qiu, Jiajun Liang: "Decoupled Knowledge Distillation", CVPR 2022
(arXiv 2203.08679).

Settings: the CIFAR-100 protocol (see the package) with alpha 1 and T 4. Beta is 8 for ResNet-32x4 -> ResNet-8x4, 2 for
ResNet-56 -> ResNet-20, 6 for WRN-40-2 -> WRN-16-2: 76.32, 71.97 and 76.23 %. The weight is epoch / 20 in the first 20
epochs, which the authors' code counts from 1: 0.05 in the first, 1 from the twentieth on. On ImageNet beta 0.5, T 1,
no rise of the weight, 100 epochs of 512 at rate 0.2: ResNet-34 -> ResNet-18 71.70 %; MobileNet with beta 2 72.05 %.

    | stage  | learns  | objective                                            |
    | distil | student | ce + dkd, whose weight rises from 0.05 to 1          |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight
from distill_core.spec.weight import Ramp

RISE = Ramp(schedule="ramp", start=0.05, end=1.0, over=19, is_stepped=True)
"""(e + 1) / 20 in epoch e from 0, until it is 1."""


@RECIPES.register("dkd")
class DKD(Recipe):
    """Decoupled knowledge distillation: the teacher's word on the label and on the other classes, weighed apart."""

    alpha: float = Field(default=1.0, ge=0, le=1e6, description="Factor of the label's class against all others.")
    beta: float = Field(default=8.0, ge=0, le=1e6, description="Factor of the classes other than the label's.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both before the softmax.")
    standardise: bool = Field(default=False, description="Standardise the logits of both a sample first.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    dkd_weight: Weight = Field(
        default=RISE, description="Weight of both parts; if left out it rises from 0.05 to 1 over 20 epochs."
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
                    "dkd": {
                        "method": "dkd",
                        "weight": self.dkd_weight,
                        "params": {
                            "alpha": self.alpha,
                            "beta": self.beta,
                            "temperature": self.temperature,
                            "standardise": self.standardise,
                        },
                    },
                },
            },
        )
