"""MKD: the student learns from several teachers at once, beside the labels.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850).

Settings: theirs for ResNet-8 on CIFAR-10: 90.34 % (KD from one teacher 90.33, no teacher 89.42). They report the best
epoch on the test set; here the last is kept unless `keep: best` and a stream to validate on are given.

    | stage               | learns            | objective        | epochs, batch | optimizer, x 0.1 after             |
    | teach, teach_<name> | teachers, by turn | ce               | 200, 128      | SGD, lr 0.1, Nesterov 0.9; 66, 132 |
    | distil              | student           | 0.5 ce + 0.5 mkd | 200, 128      | the same                           |

A teacher that has weights is not trained again.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.config import Name
from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, published


@RECIPES.register("mkd")
class MKD(Recipe):
    """Distillation from an ensemble of teachers, beside the labels."""

    further_teachers: Annotated[tuple[Name, ...], Field(max_length=15)] = Field(
        default=("teacher2",), description="Names of the models that teach beside `teacher`."
    )
    average: Literal["losses", "probabilities"] = Field(
        default="losses", description="What is averaged over the teachers; the gradients are the same."
    )
    ce_weight: Weight = Field(default=0.5, description="Weight of cross-entropy; 0 leaves it out.")
    mkd_weight: Weight = Field(default=0.5, description="Weight of the teachers' soft targets.")
    temperature: Temperature = Field(default=5.0, description="Divides the logits of all before the softmax.")
    epochs: Epochs = Field(default=200, description="Epochs of the student.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(200, 66, 132)

    @property
    def taught_by(self) -> tuple[Name, ...]:
        """The names of all who teach."""
        return (self.teacher, *self.further_teachers)

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "mkd": {
                        "method": "mkd",
                        "weight": self.mkd_weight,
                        "params": {"temperature": self.temperature, "average": self.average},
                    },
                },
            },
        )
