"""ReviewKD: beside the labels every level of the teacher teaches the student's level and all deeper ones.

Pengguang Chen, Shu Liu, Hengshuang Zhao, Jiaya Jia: "Distilling Knowledge via Knowledge Review", CVPR 2021
(arXiv 2104.09044).

Settings: the authors' code for CIFAR-100, which differs from the CIFAR-100 protocol (see the package) in batches of
128, rate 0.1 (0.02 for MobileNets and ShuffleNets) and Nesterov's momentum. The weight rises from 0 in the first epoch
by a twentieth an epoch to its end: 5 for ResNet-32x4 -> ResNet-8x4 and WRN-40-2 -> WRN-16-2, 0.6 for ResNet-56 ->
ResNet-20, 1 for ResNet-110 -> ResNet-32, 8 for ShuffleNet-V2. The first three reach about 75.63, 76.12 and 71.89 %. On
ImageNet 100 epochs, rate 0.1, batches of 256, x 0.1 after 30, 60, 90, no rise: weight 1 for ResNet-34 -> ResNet-18
(71.61 %), 8 for ResNet-50 -> MobileNet (72.56 %), both with the student's maps in front of the ReLU.

    | stage  | learns              | objective         | epochs, batch | learning rate                      |
    | distil | student and fusions | ce + 0...5 review | 240, 128      | 0.1, x 0.1 after 150, 180, 210     |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec
from distill_core.spec.place import Paths, auto_places
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Weight
from distill_core.spec.weight import Ramp


@RECIPES.register("review")
class Review(Recipe):
    """ReviewKD: levels of the student, fused from deep to shallow, imitate those of the teacher, beside the labels."""

    student_places: Paths = auto_places(
        "student", "stages+pooled", "Maps of the student, and vectors, from shallow to deep."
    )
    teacher_places: Paths = auto_places(
        "teacher", "stages.pre+pooled", "Maps of the teacher, and vectors, each the partner of one."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    review_weight: Weight = Field(
        default=Ramp(schedule="ramp", start=0, end=5, over=20, is_stepped=True),
        description="Weight of the review; if left out it rises from 0 to 5 within 20 epochs.",
    )
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
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
                    "review": {
                        "method": "review",
                        "weight": self.review_weight,
                        "params": {"student_places": self.student_places, "teacher_places": self.teacher_places},
                    },
                },
            },
        )
