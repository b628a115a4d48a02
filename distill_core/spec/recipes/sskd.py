"""SSKD: a head learns what turned images look like to the teacher, then the student imitates it on all of them.

Guodong Xu, Ziwei Liu, Xiaoxiao Li, Chen Change Loy: "Knowledge Distillation Meets Self-Supervision", ECCV 2020
(arXiv 2006.07114).

Settings: the authors' code, the CIFAR-100 protocol (see the package) with 60 epochs of the teacher's head before it;
every image counts four times, as it is and turned, so a step is on 256. The pairs named in kd.py reach 76.20, 71.49
and 76.04 %, from baselines of 72.51, 69.63 and 73.64. On ImageNet ce 1, 30 and 100 epochs, SGD, lr 0.1, weight decay
0.0005: ResNet-34 -> ResNet-18 71.62 %, in torchdistill's reproduction 70.09.

    | stage  | learns            | objective                                | epochs | learning rate                   |
    | head   | teacher's head    | sskd_head                                | 60     | 0.05, x 0.1 after 30, 45        |
    | distil | student, its head | 0.1 ce + 0.9 kd + 2.7 sskd/tf + 10 /ss   | 240    | 0.05, x 0.1 after 150, 180, 210 |

In the first stage the student keeps its role and is not run: nothing in the objective asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from distill_core.spec.optimizer import Multistep, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, stretch

HEAD_EPOCHS = 60


def _stretch_for_head(options: Mapping[str, Any]) -> ScheduleSpec:
    published = Multistep(schedule="multistep", milestones=(30, 45))
    return stretch(published, HEAD_EPOCHS, options.get("head_epochs", HEAD_EPOCHS))


@RECIPES.register("sskd")
class SSKD(Recipe):
    """Distillation with turned images in two stages: the teacher's head, then the student with a head of its own."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    head_epochs: Epochs = Field(default=HEAD_EPOCHS, description="Epochs of the teacher's head.")
    head_optimizer: OptimizerSpec | None = Field(
        default=None, description="Optimizer of the teacher's head; that of `optimizer` if left out."
    )
    head_schedule: ScheduleSpec = Field(
        default_factory=_stretch_for_head,
        description="Schedule of the head's learning rate; if left out x 0.1 after 30, 45 of 60 epochs, or at the same "
        "shares of other epochs.",
    )
    ce_weight: Weight = Field(default=0.1, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.9, description="Weight of the teacher's soft targets; 0 leaves them out.")
    tf_weight: Weight = Field(default=2.7, description="Weight of the soft targets of turned images.")
    ss_weight: Weight = Field(default=10.0, description="Weight of the similarities of turned images and originals.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both, of images as they are.")
    tf_temperature: Temperature = Field(default=4.0, description="Divides the logits of turned images.")
    ss_temperature: Temperature = Field(default=0.5, description="Divides the similarities.")
    tf_ratio: float = Field(
        default=1.0, ge=0, le=1, description="Share that is kept of turned images that the teacher classifies wrongly."
    )
    ss_ratio: float = Field(
        default=0.75, ge=0, le=1, description="Share that is kept of those whose original the teacher does not find."
    )

    def stages(self) -> Stages:
        """Return the stage of the teacher's head and the student's."""
        return (
            {
                "name": "head",
                **self.roles,
                "epochs": self.head_epochs,
                "optimizer": self.head_optimizer or self.optimizer,
                "schedule": self.head_schedule,
                "keep": "last",
                "objective": {
                    "sskd_head": {"method": "sskd_head", "params": {"teacher_place": self.teacher_place}},
                },
            },
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}},
                    "sskd": self._imitate(),
                },
            },
        )

    def _imitate(self) -> dict[str, Any]:
        return {
            "method": "sskd",
            "parts": {"tf": self.tf_weight, "ss": self.ss_weight},
            "params": {
                "student_place": self.student_place,
                "teacher_place": self.teacher_place,
                "tf_temperature": self.tf_temperature,
                "ss_temperature": self.ss_temperature,
                "tf_ratio": self.tf_ratio,
                "ss_ratio": self.ss_ratio,
            },
        }
