"""KD-SVD: the student learns from the labels, and how the main directions of the teacher's maps change.

Seung Hyun Lee, Dae Ha Kim, Byung Cheol Song: "Self-supervised Knowledge Distillation Using Singular Value
Decomposition", ECCV 2018 (arXiv 1807.06819).

Settings: the CIFAR-100 protocol (see the package) with RepDistiller's weight; neither it nor mdistiller publishes an
accuracy. Student and teacher need equal channels at the places, with `form: mdistiller` equal widths.

    | stage  | learns  | objective     |
    | distil | student | ce + kdsvd    |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.place import Paths, auto_places
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Weight


@RECIPES.register("kdsvd")
class KDSVD(Recipe):
    """KD-SVD: how the singular vectors of the teacher's maps change from map to map, beside the labels."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student, two at least.")
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, one for each of the student's.")
    form: Literal["repdistiller", "mdistiller"] = Field(
        default="repdistiller", description="Matrix that a map is decomposed as: H W x C, or C H x W."
    )
    num_vectors: int = Field(default=1, ge=1, le=64, description="Singular vectors of each map that are compared.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kdsvd_weight: Weight = Field(default=1.0, description="Weight of the difference between the changes.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kdsvd": {
                        "method": "kdsvd",
                        "weight": self.kdsvd_weight,
                        "params": {
                            "student_places": self.student_places,
                            "teacher_places": self.teacher_places,
                            "form": self.form,
                            "num_vectors": self.num_vectors,
                        },
                    },
                },
            },
        )
