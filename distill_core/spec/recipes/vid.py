"""VID: the student learns from the labels, and to make the teacher's maps likely, given its own.

Sungsoo Ahn, Shell Xu Hu, Andreas Damianou, Neil D. Lawrence, Zhenwen Dai: "Variational Information Distillation for
Knowledge Transfer", CVPR 2019 (arXiv 1904.05835).

Settings: the CIFAR-100 protocol (see the package), where the pairs named in kd.py reach 73.09, 70.38 and 74.11 %.
torchdistill's sample for ImageNet, ResNet-50 -> ResNet-18: four stages, 20 epochs, SGD with rate 0.0001.

    | stage  | learns                       | objective   |
    | distil | student, means, variances    | ce + vid    |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Paths, auto_places
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Weight


@RECIPES.register("vid")
class VID(Recipe):
    """Variational information distillation: the likelihood of the teacher's maps, beside the labels."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student.")
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, one for each of the student's.")
    initial_variance: float = Field(default=5.0, ge=0.01, le=100, description="Variance of every channel at first.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    vid_weight: Weight = Field(default=1.0, description="Weight of the negative log-likelihood.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "vid": {
                        "method": "vid",
                        "weight": self.vid_weight,
                        "params": {
                            "student_places": self.student_places,
                            "teacher_places": self.teacher_places,
                            "initial_variance": self.initial_variance,
                        },
                    },
                },
            },
        )
