"""Tf-KD with a virtual teacher: the student imitates a distribution that is made from the label, beside the label.

Li Yuan, Francis E. H. Tay, Guilin Li, Tao Wang, Jiashi Feng: "Revisiting Knowledge Distillation via Label Smoothing
Regularization", CVPR 2020 (arXiv 1909.11723). There is no teacher: `teacher` names none, and none is trained where the
models have none of that name.

Settings: the authors' code for ResNet-18 on CIFAR-100, 75.87 -> 77.36 %. Its others: MobileNetV2 CE 0.05, virtual
teacher 0.95, T 40, multiplier 1.

    | stage | learns  | objective             | epochs, batch | optimizer, x 0.2 after                  |
    | learn | student | 0.9 ce + 0.1 tfkd_reg | 200, 128      | SGD, lr 0.1, momentum 0.9; 60, 120, 160 |

The first epoch is a warm-up of the rate.
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, published
from distill_core.spec.training import WarmupSpec


@RECIPES.register("tfkd_reg")
class TfKDReg(Recipe):
    """Learning without a teacher: a virtual one that is made from the label, beside the label."""

    ce_weight: Weight = Field(default=0.9, description="Weight of cross-entropy; 0 leaves it out.")
    tfkd_weight: Weight = Field(default=0.1, description="Weight of the virtual teacher.")
    temperature: Temperature = Field(default=20.0, description="Divides the virtual teacher's probabilities.")
    correct_probability: float = Field(
        default=0.99, gt=0, lt=1, description="Probability that the virtual teacher gives the label."
    )
    multiplier: float = Field(
        default=100.0, gt=0, le=1e6, description="Factor of the divergence, which is a mean over batch and classes."
    )
    epochs: Epochs = Field(default=200, description="Epochs of the student.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=5e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(200, 60, 120, 160, gamma=0.2)
    warmup: WarmupSpec | None = Field(
        default=WarmupSpec(epochs=1), description="Rise of the learning rate at the start."
    )

    def stages(self) -> Stages:
        """Return the one stage, which has no teacher."""
        return (
            {
                "name": "learn",
                **self.roles,
                **self.training,
                "teachers": None,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "tfkd_reg": {
                        "method": "tfkd_reg",
                        "weight": self.tfkd_weight,
                        "params": {
                            "temperature": self.temperature,
                            "correct_probability": self.correct_probability,
                            "multiplier": self.multiplier,
                        },
                    },
                },
            },
        )
