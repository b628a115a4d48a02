"""SimKD: the student learns to give the teacher's last map, and is deployed with the teacher's classifier.

Defang Chen, Jian-Ping Mei, Hailin Zhang, Can Wang, Yan Feng, Chun Chen: "Knowledge Distillation with the Reused Teacher
Classifier", CVPR 2022 (arXiv 2203.14001).

Settings: the authors' code under the CIFAR-100 protocol (see the package), where ResNet-32x4 -> ResNet-8x4 reaches
78.08 % with factor 2, 77.88 with 4 and 76.73 with 8: the wider the projector, the more weights are deployed. On
ImageNet 120 epochs, batches of 256, lr 0.1 with x 0.1 after 30, 60 and 90, weight decay 0.0001.

    | stage  | learns                              | objective |
    | distil | student up to its map and projector | simkd     |

What is validated and handed on is the model `reused_classifier`: the student up to its map, the projector, and what the
teacher computes behind its own map.
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages


@RECIPES.register("simkd")
class SimKD(Recipe):
    """SimKD: the teacher's last map through a projector, under the teacher's classifier."""

    student_place: Path = auto_place("student", "last", "The student's last map.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map; what lies behind it is reused.")
    factor: int = Field(
        default=2, ge=1, le=64, description="Channels of the teacher's map divided by those inside of the projector."
    )

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "simkd": {
                        "method": "simkd",
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "factor": self.factor,
                        },
                    },
                },
            },
        )
