"""ICKD: correlations between the channels of the last map, beside labels and soft targets.

Li Liu, Qingle Huang, Sihao Lin, Hongwei Xie, Bing Wang, Xiaojun Chang, Xiaodan Liang: "Exploring Inter-Channel
Correlation for Diversity-Preserved Knowledge Distillation", ICCV 2021 (arXiv 2202.03680).

Settings: the CIFAR-100 protocol (see the package), where the pairs named in kd.py reach 75.48, 71.69 and 75.57 % with
soft targets. The weight is that of the authors' page; their script has 4. On ImageNet, ResNet-34 -> ResNet-18, 72.19 %
in the paper and 72.16 by their page, with a 3x3 convolution and `reduction: torchdistill`; torchdistill's run with
weight 500, 0.5 ce + 0.5 kd (T 1), AdamW, rate 0.0002, 100 epochs, ends below the student without a teacher (68.34).

    | stage  | learns             | objective                  |
    | distil | student, embedding | ce + kd (T 4) + 2.5 ickd   |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("ickd")
class ICKD(Recipe):
    """Correlations of channels, beside labels and soft targets, in one stage."""

    student_place: Path = auto_place("student", "last", "The student's last map.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map.")
    embedding: Literal["conv1x1", "conv3x3", "none"] = Field(
        default="conv1x1", description="Convolution that gives the student's map the teacher's channels, or none."
    )
    reduction: Literal["official", "torchdistill"] = Field(
        default="official", description="Whether the sum is divided by batch and channels, or by the batch once more."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=1.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    ickd_weight: Weight = Field(default=2.5, description="Weight of the difference between correlations.")
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
                    "ickd": {
                        "method": "ickd",
                        "weight": self.ickd_weight,
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "embedding": self.embedding,
                            "reduction": self.reduction,
                        },
                    },
                },
            },
        )
