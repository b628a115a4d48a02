"""Dual training: teacher and student learn in turn, each until it is ahead of the other.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850),
section 5.5.1: the teacher learns from the labels until its accuracy is more than 2 points above the student's; then it
is frozen, and the student distils from it until it reaches or surpasses the teacher; and so on. They report no gain
over distillation from a finished teacher, and publish neither numbers nor code: optimizer and temperature are those of
their other runs. Their text knows no end; here a turn lasts at most `epochs`, there are at most `rounds` of two turns,
and a teacher that does not get ahead within its turn ends the whole.

    | stage             | learns  | objective       | ends early when                                        |
    | teach_1, teach_2… | teacher | ce              | its accuracy is more than 0.02 above the student's     |
    | distil_1, …       | student | 0.5 ce + 0.5 kd | its accuracy reaches the teacher's                     |

The accuracies are those on the stream `validate_on`, which must be given: a held-out part of the training split.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from distill_core.spec.config import Name
from distill_core.spec.optimizer import SGD, Constant, OptimizerSpec, ScheduleSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight


@RECIPES.register("dual")
class Dual(Recipe):
    """Dual training: teacher and student learn in turn, each until it is ahead of the other."""

    validate_on: Name | None = Field(
        default="validation", description="Name of the stream on which both are compared after every epoch."
    )
    rounds: int = Field(default=10, ge=1, le=30, description="Turns of both, at most.")
    margin: float = Field(default=0.02, ge=0, le=1, description="Accuracy by which the teacher must get ahead.")
    ce_weight: Weight = Field(
        default=0.5, description="Weight of cross-entropy in the student's turns; 0 leaves it out."
    )
    kd_weight: Weight = Field(default=0.5, description="Weight of the teacher's soft targets.")
    temperature: Temperature = Field(default=5.0, description="Divides the logits of both before the softmax.")
    epochs: Epochs = Field(default=20, description="Epochs of a turn, at most.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = Field(
        default=Constant(schedule="constant"), description="Schedule of the learning rate within a turn."
    )
    train_teacher: bool | None = Field(default=False, description="Train the teacher before the first turn as well.")

    def stages(self) -> Stages:
        """Return the turns of both, round by round."""
        turns = ((self._teach(number), self._distil(number)) for number in range(self.rounds))
        return [turn for both in turns for turn in both]

    def _teach(self, number: int) -> dict[str, Any]:
        return {
            "name": f"teach_{number + 1}",
            **self.roles,
            **self.training,
            "student": self.teacher,
            "teachers": (),
            "objective": {"ce": {"method": "ce"}},
            "until": {"model": self.student, "margin": self.margin, "strict": True, "otherwise": "end_group"},
            "group": "dual",
        }

    def _distil(self, number: int) -> dict[str, Any]:
        return {
            "name": f"distil_{number + 1}",
            **self.roles,
            **self.training,
            "objective": {
                "ce": {"method": "ce", "weight": self.ce_weight},
                "kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}},
            },
            "until": {"model": self.teacher},
            "group": "dual",
        }
