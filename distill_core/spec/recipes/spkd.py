"""SPKD: samples that look alike to the teacher shall look alike to the student.

Frederick Tung, Greg Mori: "Similarity-Preserving Knowledge Distillation", ICCV 2019 (arXiv 1907.09682).

Settings: the CIFAR-100 protocol (see the package), where the pairs named in kd.py reach 72.94, 69.67 and 73.83 %.
torchdistill's sample for ImageNet: weight 1, SGD, lr 0.0001, 20 epochs.

    | stage  | learns  | objective        |
    | distil | student | ce + 3000 spkd   |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("spkd")
class SPKD(Recipe):
    """Similarities between the samples of a batch beside the labels, in one stage."""

    student_place: Path = auto_place("student", "last", "The student's last map, or any other.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map, or any other.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    spkd_weight: Weight = Field(default=3000.0, description="Weight of the difference between similarities.")
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
                    "spkd": {
                        "method": "spkd",
                        "weight": self.spkd_weight,
                        "params": {"student_place": self.student_place, "teacher_place": self.teacher_place},
                    },
                },
            },
        )
