"""FitNet: the lower half of the student is led by a hint, a map of the teacher, before the whole is distilled.

Adriana Romero, Nicolas Ballas, Samira Ebrahimi Kahou, Antoine Chassang, Carlo Gatta, Yoshua Bengio: "FitNets: Hints
for Thin Deep Nets", ICLR 2015 (arXiv 1412.6550).

Settings: the paper's two stages under the CIFAR-100 protocol (see the package), whose methods of two stages have 30
epochs at the first rate before the 240, with its settings of KD in the second. What is published under it comes from
one stage: the recipe `fitnet_one_stage`. torchdistill's sample for ImageNet: 5 epochs of hints with Adam, lr 0.001,
then 15 with SGD, lr 0.0001, CE 0.5, KD 0.5, T 1.

    | stage  | learns                     | objective         | epochs | learning rate                      |
    | hint   | student up to its `stage2` | fitnet            | 30     | 0.05                               |
    | distil | student                    | 0.1 ce + 0.9 kd   | 240    | 0.05, x 0.1 after 150, 180, 210    |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.optimizer import OptimizerSpec
from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight


@RECIPES.register("fitnet")
class FitNet(Recipe):
    """FitNet in two stages: a hint for the student's lower half, then distillation."""

    student_place: Path = auto_place("student", "middle", "Guided layer: a map of the student.")
    teacher_place: Path = auto_place("teacher", "middle", "Hint layer: a map of the teacher.")
    regressor: Literal["fitted", "conv1x1", "conv3x3", "none"] = Field(
        default="fitted", description="Convolution that turns the student's map into the teacher's."
    )
    reduction: Literal["mean", "sum"] = Field(
        default="mean", description="Mean of the squared differences over all elements, or their sum over the batch."
    )
    hint_epochs: Epochs = Field(default=30, description="Epochs of the hint stage.")
    hint_optimizer: OptimizerSpec | None = Field(
        default=None, description="Optimizer of the hint stage; that of `optimizer` if left out."
    )
    ce_weight: Weight = Field(default=0.1, description="Weight of cross-entropy in the second stage; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.9, description="Weight of the teacher's soft targets in the second stage.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both before the softmax.")

    def stages(self) -> Stages:
        """Return the hint stage and the distillation."""
        return (
            {
                "name": "hint",
                **self.roles,
                "epochs": self.hint_epochs,
                "optimizer": self.hint_optimizer or self.optimizer,
                "schedule": {"schedule": "constant"},
                "keep": "last",
                "objective": {
                    "fitnet": {
                        "method": "fitnet",
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "regressor": self.regressor,
                            "reduction": self.reduction,
                        },
                    },
                },
            },
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}},
                },
            },
        )
