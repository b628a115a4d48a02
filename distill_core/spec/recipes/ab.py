"""AB: the student first learns which of the teacher's neurons are active, then what the teacher says.

Byeongho Heo, Minsik Lee, Sangdoo Yun, Jin Young Choi: "Knowledge Transfer via Distillation of Activation Boundaries
Formed by Hidden Neurons", AAAI 2019 (arXiv 1811.03233).

Settings: the CIFAR-100 protocol (see the package), whose methods of two stages have 30 epochs at the first rate before
the 240; its second stage has the labels alone, `ce_weight: 1, kd_weight: 0`, and reaches 73.17, 69.47 and 72.50 % for
the pairs named in kd.py. The default is the authors' second stage, the teacher's softened logits alone at temperature 3
without the factor T^2: a weight of 1/9 takes it out of `kd` again. torchdistill's sample for ImageNet has 1 epoch of
the first and 19 of the second at rate 0.0001, with the labels alone.

    | stage      | learns                       | objective      | epochs | learning rate                      |
    | boundaries | student up to its `stage3`   | 0.003 ab       | 30     | 0.05                               |
    | distil     | student                      | 1/9 kd         | 240    | 0.05, x 0.1 after 150, 180, 210    |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.optimizer import OptimizerSpec
from distill_core.spec.place import Paths, auto_places
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight


@RECIPES.register("ab")
class AB(Recipe):
    """AB in two stages: the boundaries at which the teacher's neurons become active, then its soft targets."""

    student_places: Paths = auto_places(
        "student", "stages.pre", "Maps of the student in front of the activation, from shallow to deep."
    )
    teacher_places: Paths = auto_places("teacher", "stages.pre", "Those of the teacher, each the partner of one.")
    margin: float = Field(
        default=1.0, gt=0, le=1000, description="Distance from zero at which a neuron is no longer penalised."
    )
    ab_epochs: Epochs = Field(default=30, description="Epochs of the first stage.")
    ab_optimizer: OptimizerSpec | None = Field(
        default=None, description="Optimizer of the first stage; that of `optimizer` if left out."
    )
    ab_weight: Weight = Field(default=0.003, description="Weight of the boundaries in the first stage.")
    ce_weight: Weight = Field(default=0.0, description="Weight of cross-entropy in the second stage; 0 leaves it out.")
    kd_weight: Weight = Field(
        default=1 / 9, description="Weight of the teacher's soft targets in the second stage; 0 leaves them out."
    )
    temperature: Temperature = Field(default=3.0, description="Divides the logits of both before the softmax.")

    def stages(self) -> Stages:
        """Return the stage of the boundaries and that of the soft targets."""
        return (
            {
                "name": "boundaries",
                **self.roles,
                "epochs": self.ab_epochs,
                "optimizer": self.ab_optimizer or self.optimizer,
                "schedule": {"schedule": "constant"},
                "keep": "last",
                "objective": {
                    "ab": {
                        "method": "ab",
                        "weight": self.ab_weight,
                        "params": {
                            "student_places": self.student_places,
                            "teacher_places": self.teacher_places,
                            "margin": self.margin,
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
