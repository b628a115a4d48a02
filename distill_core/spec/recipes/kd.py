"""KD: the student imitates the teacher's softened class probabilities, beside the labels.

Geoffrey Hinton, Oriol Vinyals, Jeff Dean: "Distilling the Knowledge in a Neural Network", NIPS workshop 2014
(arXiv 1503.02531).

Settings: the CIFAR-100 protocol (see the package), where ResNet-32x4 -> ResNet-8x4, ResNet-56 -> ResNet-20 and
WRN-40-2 -> WRN-16-2 reach 73.33, 70.66 and 74.92 %. On ImageNet CE 0.5, KD 0.5, T 1: ResNet-34 -> ResNet-18 71.03 %.

    | stage  | learns  | objective         |
    | distil | student | 0.1 ce + 0.9 kd   |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("kd")
class KD(Recipe):
    """Knowledge distillation: softened class probabilities of the teacher, beside the labels."""

    ce_weight: Weight = Field(default=0.1, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.9, description="Weight of the teacher's soft targets.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both before the softmax.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}},
                },
            },
        )
