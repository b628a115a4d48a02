"""DIST: the student's predictions shall correlate with the teacher's, of each sample and of each class.

Tao Huang, Shan You, Fei Wang, Chen Qian, Chang Xu: "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022
(arXiv 2205.10536).

Settings: the CIFAR-100 protocol (see the package) with T 4 and weight 2 on both correlations: ResNet-32x4 -> ResNet-8x4
76.31 %, ResNet-56 -> ResNet-20 71.75 %. On ImageNet T 1 and weight 2: ResNet-34 -> ResNet-18 72.07 %, ResNet-50 ->
MobileNet 73.24 %.

    | stage  | learns  | objective     |
    | distil | student | ce + 2 dist   |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("dist")
class DIST(Recipe):
    """DIST: correlations between the predictions of student and teacher, beside the labels."""

    beta: float = Field(default=1.0, ge=0, le=1e6, description="Factor of the correlation over classes, a sample.")
    gamma: float = Field(default=1.0, ge=0, le=1e6, description="Factor of the correlation over the batch, a class.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both before the softmax.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    dist_weight: Weight = Field(default=2.0, description="Weight of both correlations.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "dist": {
                        "method": "dist",
                        "weight": self.dist_weight,
                        "params": {"beta": self.beta, "gamma": self.gamma, "temperature": self.temperature},
                    },
                },
            },
        )
