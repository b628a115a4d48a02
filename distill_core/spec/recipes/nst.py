"""NST: the student learns from the labels, and to spread its channels over the picture as the teacher does.

Zehao Huang, Naiyan Wang: "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer", 2017
(arXiv 1707.01219).

Settings: the CIFAR-100 protocol (see the package), where the pairs named in kd.py reach 73.30, 69.60 and 73.68 %.

    | stage  | learns  | objective      |
    | distil | student | ce + 50 nst    |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Paths, auto_places
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Weight


@RECIPES.register("nst")
class NST(Recipe):
    """Neuron selectivity transfer: how the teacher's channels are distributed, beside the labels."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student.")
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, one for each of the student's.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    nst_weight: Weight = Field(default=50.0, description="Weight of the discrepancy of the channels.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "nst": {
                        "method": "nst",
                        "weight": self.nst_weight,
                        "params": {"student_places": self.student_places, "teacher_places": self.teacher_places},
                    },
                },
            },
        )
