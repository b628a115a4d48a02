"""SemCKD: every map of the student learns from all maps of the teacher, beside soft targets and the labels.

Defang Chen, Jian-Ping Mei, Yuan Zhang, Can Wang, Zhe Wang, Yan Feng, Chun Chen: "Cross-Layer Distillation with Semantic
Calibration", AAAI 2021 (arXiv 2012.03236).

Settings: the authors' code under the CIFAR-100 protocol (see the package), where ResNet-32x4 -> ResNet-8x4 reaches
76.23 % (student alone 73.09 there). On ImageNet weight 50, 90 epochs: ResNet-34 -> ResNet-18 70.87 %. The batch size
is baked into the attention, so a short batch at the end of an epoch is left out.

    | stage  | learns                             | objective               |
    | distil | student, attention and projectors  | ce + kd + 400 semckd    |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Paths, auto_places
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("semckd")
class SemCKD(Recipe):
    """SemCKD: all maps of the teacher teach each map of the student, weighted by attention."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student.", paired=False)
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher.", paired=False)
    scale: float = Field(
        default=1.0, gt=0, le=1000, description="Divides the products of queries and keys; larger is more even."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=1.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    semckd_weight: Weight = Field(default=400.0, description="Weight of the differences between the maps.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both before the softmax.")
    drop_last: bool | None = Field(
        default=True, description="Leave out the last batch of an epoch where it is short; the authors' code skips it."
    )

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
                    "semckd": {
                        "method": "semckd",
                        "weight": self.semckd_weight,
                        "params": {
                            "student_places": self.student_places,
                            "teacher_places": self.teacher_places,
                            "scale": self.scale,
                        },
                    },
                },
            },
        )
