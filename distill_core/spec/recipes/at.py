"""AT: the student learns from the labels, and to be active at the pixels where the teacher is.

Sergey Zagoruyko, Nikos Komodakis: "Paying More Attention to Attention: Improving the Performance of Convolutional
Neural Networks via Attention Transfer", ICLR 2017 (arXiv 1612.03928).

Settings: the CIFAR-100 protocol (see the package), where the pairs named in kd.py reach 73.44, 70.55 and 74.08 %. The
weight belongs to the form of the authors' code; with the paper's, Matsubara's reproduction (arXiv 2011.12913) did not
train. On ImageNet the last two stages, 100 epochs, batches of 256, SGD with rate 0.1 and weight decay 0.0001, x 0.1
after 30, 60 and 90: ResNet-34 -> ResNet-18 70.90 % there, 70.70 in the paper.

    | stage  | learns  | objective       |
    | distil | student | ce + 1000 at    |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.place import Paths, auto_places
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Weight


@RECIPES.register("at")
class AT(Recipe):
    """Attention transfer: where the teacher's maps are active, beside the labels."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student.")
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, one for each of the student's.")
    form: Literal["code", "paper", "length"] = Field(
        default="code",
        description="Of the difference of two attentions: the mean of its squares, half its length, or its length.",
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    at_weight: Weight = Field(default=1000.0, description="Weight of the difference between the attentions.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "at": {
                        "method": "at",
                        "weight": self.at_weight,
                        "params": {
                            "student_places": self.student_places,
                            "teacher_places": self.teacher_places,
                            "form": self.form,
                        },
                    },
                },
            },
        )
