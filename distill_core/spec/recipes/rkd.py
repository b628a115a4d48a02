"""RKD + KD: distances and angles between the student's samples are those between the teacher's, beside soft targets.

Wonpyo Park, Dongju Kim, Yan Lu, Minsu Cho: "Relational Knowledge Distillation", CVPR 2019 (arXiv 1904.05068).

Settings: the CIFAR-100 protocol (see the package). For the pairs named in kd.py RKD alone (`kd_weight: 0`) reaches
71.90, 69.61 and 73.35 %. RKD with KD is the sum that Ruffy and Chahal 2019 (arXiv 1912.10850) train: 90.22 % on
CIFAR-10. On ImageNet ResNet-34 -> ResNet-18 71.34 %. For metric learning, the paper's first task, weights 1 and 2.

    | stage  | learns  | objective                                           |
    | distil | student | ce + kd (T 4) + rkd (25 distance + 50 angle)        |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("rkd")
class RKD(Recipe):
    """Relational distillation with soft targets, in one stage."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    normalise: bool = Field(default=False, description="Bring the representations of both to length 1 first.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=1.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    rkd_weight: Weight = Field(default=1.0, description="Weight of distances and angles together.")
    distance_weight: Weight = Field(default=25.0, description="Further weight of the distances of pairs.")
    angle_weight: Weight = Field(default=50.0, description="Further weight of the angles of triplets.")
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
                    "rkd": {
                        "method": "rkd",
                        "weight": self.rkd_weight,
                        "parts": {"distance": self.distance_weight, "angle": self.angle_weight},
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "normalise": self.normalise,
                        },
                    },
                },
            },
        )
