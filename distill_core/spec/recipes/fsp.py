"""FSP: the student first learns how features flow through the teacher, then its task from the labels alone.

Junho Yim, Donggyu Joo, Jihoon Bae, Junmo Kim: "A Gift from Knowledge Distillation: Fast Optimization, Network
Minimization and Transfer Learning", CVPR 2017.

Settings: the CIFAR-100 protocol (see the package), which reaches 72.62, 69.95 and 72.91 % for the pairs named in kd.py,
with maps pooled by averages there. Student and teacher need as many channels as each other at all places.

    | stage | learns                     | objective | epochs | learning rate                      |
    | fsp   | student up to its `stage3` | fsp       | 30     | 0.05                               |
    | learn | student                    | ce        | 240    | 0.05, x 0.1 after 150, 180, 210    |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.optimizer import OptimizerSpec
from distill_core.spec.place import PathPairs, auto_pairs
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages


@RECIPES.register("fsp")
class FSP(Recipe):
    """FSP in two stages: the flow between the student's layers, then the labels."""

    student_pairs: PathPairs = auto_pairs("student", "pairs", "First and last map of each module of the student.")
    teacher_pairs: PathPairs = auto_pairs("teacher", "pairs", "First and last map of each module of the teacher.")
    pool: Literal["max", "average"] = Field(
        default="max", description="How the larger map of a pair is brought to the size of the smaller one."
    )
    reduction: Literal["mean_square", "frobenius", "column_norm"] = Field(
        default="mean_square",
        description="Of the difference of two matrices: mean of squares, sum of squares, or sum of column lengths.",
    )
    fsp_epochs: Epochs = Field(default=30, description="Epochs of the first stage.")
    fsp_optimizer: OptimizerSpec | None = Field(
        default=None, description="Optimizer of the first stage; that of `optimizer` if left out."
    )

    def stages(self) -> Stages:
        """Return the stage of the flow and that of the labels."""
        return (
            {
                "name": "fsp",
                **self.roles,
                "epochs": self.fsp_epochs,
                "optimizer": self.fsp_optimizer or self.optimizer,
                "schedule": {"schedule": "constant"},
                "keep": "last",
                "objective": {
                    "fsp": {
                        "method": "fsp",
                        "params": {
                            "student_pairs": self.student_pairs,
                            "teacher_pairs": self.teacher_pairs,
                            "pool": self.pool,
                            "reduction": self.reduction,
                        },
                    },
                },
            },
            {
                "name": "learn",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce"},
                },
            },
        )
