"""PAD: pooled features by squared differences, then by how certainly each of them can be told.

Youcai Zhang, Zhonghao Lan, Yuchen Dai, Fangao Zeng, Yan Bai, Jie Chang, Yichen Wei: "Prime-Aware Adaptive
Distillation", ECCV 2020 (arXiv 2008.01458).

Settings: the paper's for ImageNet, where ResNet-34 -> ResNet-18 reaches 71.71 %, in torchdistill's reproduction as well
(69.76 without a teacher).

    | stage | learns                       | objective    | epochs, batch | SGD's learning rate, momentum 0.9 |
    | l2    | student                      | ce + 15 l2   | 90, 512       | 0.2, x 0.1 after 30 and 60        |
    | pad   | student, branch of variances | ce + pad     | 30, 512       | 0.002                             |

The student of the first stage goes on in the second; a linear layer between unequal widths starts anew there.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Weight, published


@RECIPES.register("pad")
class PAD(Recipe):
    """Squared differences of pooled features, then weighted by variances that the student tells itself."""

    student_place: Path = auto_place("student", "pooled", "The student's pooled features.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's pooled features.")
    embed: Literal["auto", "linear", "none"] = Field(
        default="auto", description="Linear layer on the student's features; auto: where the widths differ."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy in both stages; 0 leaves it out.")
    l2_weight: Weight = Field(default=15.0, description="Weight of the squared difference in the first stage.")
    pad_weight: Weight = Field(default=1.0, description="Weight of the likelihood in the second stage.")
    epochs: Epochs = Field(default=90, description="Epochs of the first stage.")
    batch_size: int = Field(default=512, ge=2, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.2, momentum=0.9, weight_decay=1e-4),
        description="Optimizer of the first stage and its options.",
    )
    schedule: ScheduleSpec = published(90, 30, 60)
    pad_epochs: Epochs = Field(default=30, description="Epochs of the second stage.")
    pad_optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.002, momentum=0.9, weight_decay=1e-4),
        description="Optimizer of the second stage, whose rate stays as it is.",
    )

    def stages(self) -> Stages:
        """Return the stage of squared differences and that of variances."""
        places = {"student_place": self.student_place, "teacher_place": self.teacher_place, "embed": self.embed}
        cross_entropy = {"method": "ce", "weight": self.ce_weight}
        return (
            {
                "name": "l2",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": cross_entropy,
                    "l2": {"method": "l2", "weight": self.l2_weight, "params": places},
                },
            },
            {
                "name": "pad",
                **self.roles,
                **self.training,
                "epochs": self.pad_epochs,
                "optimizer": self.pad_optimizer,
                "schedule": {"schedule": "constant"},
                "objective": {
                    "ce": cross_entropy,
                    "pad": {"method": "pad", "weight": self.pad_weight, "params": places},
                },
            },
        )
