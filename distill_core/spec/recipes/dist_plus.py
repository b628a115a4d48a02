"""DIST+: correlations of predictions and of last maps, beside the labels; where wanted of a teacher that acclimates.

Tao Huang, Shan You, Fei Wang, Chen Qian, Chang Xu: "DIST+: Knowledge Distillation From a Stronger Adaptive Teacher",
TPAMI 47(7), 2025.

Settings: torchdistill's for ImageNet, ResNet-34 -> ResNet-18, which end at 71.37 % there, with the sign of `channel`
wrong and without an adaptive teacher; the paper has 72.39 (69.76 without a teacher). DIST alone has weight 2 on `inter`
and on `intra` in its authors' code, half of what the factors here come to, and temperature 4 on CIFAR-100.

    | stage     | learns                    | objective                | epochs | SGD's learning rate, momentum 0.9 |
    | start     | student                   | ce                       | 10     | 0.1                               |
    | acclimate | teacher, from the student | ce + 2 dist_plus         | none   | 0.001                             |
    | distil    | student                   | ce + 2 dist_plus         | 100    | 0.1, x 0.1 after 30, 60 and 90    |

dist_plus is 2 inter + 2 intra + channel + spatial, and batches hold 256 samples. How the paper's teacher adapts we do
not know: `start` and `acclimate` are ours, and there only with `acclimation_epochs`. The student learns from labels,
then the teacher by the same objective with the roles exchanged, from labels and to correlate with that student, at a
small rate. In `distil` the student goes on from where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, published


@RECIPES.register("dist_plus")
class DISTPlus(Recipe):
    """Correlations of predictions and maps; a teacher that acclimates to the student first where wanted."""

    student_place: Path = auto_place("student", "last", "The student's last map.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map.")
    embed: Literal["auto", "conv1x1", "none"] = Field(
        default="auto", description="1x1 convolution on the student's map; auto: where the channels differ."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    dist_plus_weight: Weight = Field(default=2.0, description="Weight of all correlations together.")
    inter_weight: Weight = Field(default=2.0, description="Further weight of correlations over classes.")
    intra_weight: Weight = Field(default=2.0, description="Further weight of a class's correlations over the batch.")
    channel_weight: Weight = Field(default=1.0, description="Further weight of a pixel's correlations over channels.")
    spatial_weight: Weight = Field(default=1.0, description="Further weight of a pixel's correlations over the batch.")
    temperature: Temperature = Field(default=1.0, description="Divides the logits of both before the softmax.")
    epochs: Epochs = Field(default=100, description="Epochs of the student.")
    batch_size: int = Field(default=256, ge=2, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(100, 30, 60, 90)
    acclimation_epochs: Epochs | None = Field(
        default=None, description="Epochs in which the teacher learns to correlate with the student; none if left out."
    )
    acclimation_optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.001, momentum=0.9, weight_decay=1e-4),
        description="Optimizer of the teacher's acclimation, whose rate stays as it is.",
    )
    start_epochs: Epochs = Field(
        default=10, description="Epochs of the student with the labels alone, before a teacher acclimates."
    )

    def stages(self) -> Stages:
        """Return the one stage, after the two of the acclimation where there is one."""
        distil = {"name": "distil", **self.roles, **self.training, "objective": self._objective(self._places)}
        return (distil,) if self.acclimation_epochs is None else (*self._acclimate(), distil)

    def _acclimate(self) -> Stages:
        """Return the student's start and the teacher's acclimation to it."""
        constant = {**self.roles, "schedule": {"schedule": "constant"}, "keep": "last"}
        places = self._places
        exchanged = {"student_place": places["teacher_place"], "teacher_place": places["student_place"]}
        return (
            {
                "name": "start",
                **constant,
                "epochs": self.start_epochs,
                "optimizer": self.optimizer,
                "objective": {"ce": {"method": "ce"}},
            },
            {
                "name": "acclimate",
                **constant,
                "student": self.teacher,
                "teachers": (self.student,),
                "epochs": self.acclimation_epochs,
                "optimizer": self.acclimation_optimizer,
                "objective": self._objective(exchanged),
            },
        )

    @property
    def _places(self) -> Mapping[str, str]:
        return {"student_place": self.student_place, "teacher_place": self.teacher_place}

    def _objective(self, places: Mapping[str, str]) -> Mapping[str, Any]:
        return {
            "ce": {"method": "ce", "weight": self.ce_weight},
            "dist_plus": {
                "method": "dist_plus",
                "weight": self.dist_plus_weight,
                "parts": {
                    "inter": self.inter_weight,
                    "intra": self.intra_weight,
                    "channel": self.channel_weight,
                    "spatial": self.spatial_weight,
                },
                "params": {**places, "temperature": self.temperature, "embed": self.embed},
            },
        }
