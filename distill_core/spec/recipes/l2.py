"""L2: the squared difference between pooled features, beside the labels.

Youcai Zhang, Zhonghao Lan, Yuchen Dai, Fangao Zeng, Yan Bai, Jie Chang, Yichen Wei: "Prime-Aware Adaptive
Distillation", ECCV 2020 (arXiv 2008.01458).

Settings: the paper's for ImageNet, where ResNet-34 -> ResNet-18 reaches 70.90 %, and 71.08 in torchdistill's
reproduction (69.76 without a teacher).

    | stage  | learns  | objective    | epochs, batch | SGD's learning rate, momentum 0.9 |
    | distil | student | ce + 15 l2   | 90, 512       | 0.2, x 0.1 after 30 and 60        |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Weight, published


@RECIPES.register("l2")
class L2(Recipe):
    """Squared difference between pooled features, beside the labels, in one stage."""

    student_place: Path = auto_place("student", "pooled", "The student's pooled features.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's pooled features.")
    embed: Literal["auto", "linear", "none"] = Field(
        default="auto", description="Linear layer on the student's features; auto: where the widths differ."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    l2_weight: Weight = Field(default=15.0, description="Weight of the squared difference.")
    epochs: Epochs = Field(default=90, description="Epochs of the student.")
    batch_size: int = Field(default=512, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.2, momentum=0.9, weight_decay=1e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(90, 30, 60)

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "l2": {
                        "method": "l2",
                        "weight": self.l2_weight,
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "embed": self.embed,
                        },
                    },
                },
            },
        )
