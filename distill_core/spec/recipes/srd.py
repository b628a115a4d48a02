"""SRD: labels, soft targets, and the logarithmic distance of normalised representations behind a linear layer.

Roy Miles, Krystian Mikolajczyk: "Understanding the Role of the Projector in Knowledge Distillation", AAAI 2024
(arXiv 2303.11098).

Settings: the authors' for ImageNet, where ResNet-34 -> ResNet-18 reaches 71.87 % by their repository and 71.92 by
torchdistill's (69.76 without a teacher).

    | stage  | learns                | objective              | epochs, batch | SGD's learning rate, momentum 0.9    |
    | distil | student, linear layer | ce + kd (T 1) + 2 srd  | 100, 256      | 0.1, x 0.1 after 30, 60 and 90       |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, published


@RECIPES.register("srd")
class SRD(Recipe):
    """Normalised representations with a logarithmic distance, beside labels and soft targets."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    form: Literal["difference", "correlation"] = Field(
        default="difference", description="Whether differences are summed or what correlations lack to 1."
    )
    exponent: float = Field(default=4.0, ge=1, le=16, description="Power of the absolute values that are summed.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=1.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    srd_weight: Weight = Field(default=2.0, description="Weight of the distance between representations.")
    temperature: Temperature = Field(default=1.0, description="Divides the logits of both before the softmax.")
    epochs: Epochs = Field(default=100, description="Epochs of the student.")
    batch_size: int = Field(default=256, ge=2, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(100, 30, 60, 90)

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
                    "srd": {
                        "method": "srd",
                        "weight": self.srd_weight,
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "form": self.form,
                            "exponent": self.exponent,
                        },
                    },
                },
            },
        )
