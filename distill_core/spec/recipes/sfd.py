"""SFD: the student learns from the labels, and to give the teacher's maps element by element.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850).

Settings: theirs for ResNet-26 -> ResNet-8 on CIFAR-10, which reaches 87.47 % with the code's form, below the 89.42 % of
the student alone. They report the best epoch on the test set; here the last is kept unless `keep: best` and a stream to
validate on are given. For their code's loss: `form: seed001` and the places stem.pre, stage1.pre, ..., to which it adds
the stem's convolution.

    | stage  | learns  | objective   | epochs, batch | optimizer, x 0.1 after             |
    | distil | student | ce + sfd    | 200, 128      | SGD, lr 0.1, Nesterov 0.9; 66, 132 |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Paths, auto_places
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Weight, published


@RECIPES.register("sfd")
class SFD(Recipe):
    """Simple feature distillation: the difference of all maps, beside the labels."""

    student_places: Paths = auto_places("student", "maps", "Maps of the student.")
    teacher_places: Paths = auto_places("teacher", "maps", "Maps of the teacher, one for each of the student's.")
    form: Literal["text", "seed001", "concatenated"] = Field(
        default="text",
        description="Mean squares of the maps, added up; the largest difference of the pooled maps, added up; or the "
        "mean square of all maps in one row.",
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    sfd_weight: Weight = Field(default=1.0, description="Weight of the difference of the maps.")
    epochs: Epochs = Field(default=200, description="Epochs of the student.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(200, 66, 132)

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "sfd": {
                        "method": "sfd",
                        "weight": self.sfd_weight,
                        "params": {
                            "student_places": self.student_places,
                            "teacher_places": self.teacher_places,
                            "form": self.form,
                        },
                    },
                },
            },
        )
