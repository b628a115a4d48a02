"""Factor transfer: a paraphraser learns a code of the teacher's last map, then the student learns to give that code.

Jangho Kim, SeongUk Park, Nojun Kwak: "Paraphrasing Complex Network: Network Compression via Factor Transfer",
NeurIPS 2018 (arXiv 1802.04977).

Settings: those of torchdistill's ImageNet reproduction, where ResNet-34 -> ResNet-18 reaches 71.56 % (71.43 in the
paper, 69.76 without a teacher). The authors' code for CIFAR-10 takes weight 500, 163 epochs with x 0.1 after 82 and
123, batches of 128, weight decay 0.0005, and 5 epochs at rate 0.1 for the paraphraser. The mean difference of two unit
vectors falls with the root of their length, and the weight makes up for it: 1000 for factors of 256x7x7, 500 for 32x8x8
and, on the digits, 100 for 32x2x2 come to about the same.

    | stage       | learns                | objective         | epochs, batch | SGD's learning rate, momentum 0.9    |
    | paraphraser | paraphraser           | ft_paraphraser    | 1, 256        | 0.01                                 |
    | ft          | student, translator   | ce + 1000 ft      | 90, 256       | 0.1, x 0.1 after 30 and 60           |

In the first stage the student keeps its role and is not run: nothing in the objective asks for it.
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Weight, published


@RECIPES.register("ft")
class FT(Recipe):
    """Factor transfer in two stages: a paraphraser of the teacher's last map, then the student with a translator."""

    student_place: Path = auto_place("student", "last", "The student's last map.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map.")
    rate: float = Field(default=0.5, gt=0, le=4, description="Channels of the factor, as a share of the map's.")
    batch_norm: bool = Field(
        default=False, description="Whether BatchNorm follows the convolutions of paraphraser and translator."
    )
    paraphraser_epochs: Epochs = Field(default=1, description="Epochs of the paraphraser.")
    paraphraser_optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.01, momentum=0.9, weight_decay=1e-4),
        description="Optimizer of the paraphraser.",
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    ft_weight: Weight = Field(default=1000.0, description="Weight of the difference between the factors.")
    epochs: Epochs = Field(default=90, description="Epochs of the student.")
    batch_size: int = Field(default=256, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(90, 30, 60)

    def stages(self) -> Stages:
        """Return the paraphraser's stage and the student's."""
        return (
            {
                "name": "paraphraser",
                **self.roles,
                "epochs": self.paraphraser_epochs,
                "optimizer": self.paraphraser_optimizer,
                "schedule": {"schedule": "constant"},
                "keep": "last",
                "objective": {
                    "ft_paraphraser": {
                        "method": "ft_paraphraser",
                        "params": {
                            "teacher_place": self.teacher_place,
                            "rate": self.rate,
                            "batch_norm": self.batch_norm,
                        },
                    },
                },
            },
            {
                "name": "ft",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "ft": {
                        "method": "ft",
                        "weight": self.ft_weight,
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "batch_norm": self.batch_norm,
                        },
                    },
                },
            },
        )
