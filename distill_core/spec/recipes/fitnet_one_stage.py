"""FitNet in one stage: the student learns from the labels and from a hint, a map of the teacher, at the same time.

Adriana Romero, Nicolas Ballas, Samira Ebrahimi Kahou, Antoine Chassang, Carlo Gatta, Yoshua Bengio: "FitNets: Hints
for Thin Deep Nets", ICLR 2015 (arXiv 1412.6550). The paper gives the hint in a stage of its own, the recipe `fitnet`.
This is the form of the benchmarks: Yonglong Tian, Dilip Krishnan, Phillip Isola: "Contrastive Representation
Distillation", ICLR 2020 (arXiv 1910.10699).

Settings: the CIFAR-100 protocol (see the package), which reaches 73.50, 69.21 and 73.58 % for the pairs named in kd.py.

    | stage  | learns                | objective         |
    | distil | student and regressor | ce + 100 fitnet   |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Weight


@RECIPES.register("fitnet_one_stage")
class FitNetOneStage(Recipe):
    """FitNet in one stage: a hint for the student's middle beside the labels."""

    student_place: Path = auto_place("student", "middle", "Guided layer: a map of the student.")
    teacher_place: Path = auto_place("teacher", "middle", "Hint layer: a map of the teacher.")
    regressor: Literal["fitted", "conv1x1", "conv3x3", "none"] = Field(
        default="fitted", description="Convolution that turns the student's map into the teacher's."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    fitnet_weight: Weight = Field(default=100.0, description="Weight of the difference between the maps.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "fitnet": {
                        "method": "fitnet",
                        "weight": self.fitnet_weight,
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "regressor": self.regressor,
                        },
                    },
                },
            },
        )
