"""TAKD: knowledge distillation through a chain of assistants, each between its teacher and its student in size.

Seyed-Iman Mirzadeh, Mehrdad Farajtabar, Ang Li, Nir Levine, Akihiro Matsukawa, Hassan Ghasemzadeh: "Improved Knowledge
Distillation via Teacher Assistant", AAAI 2020 (arXiv 1902.03393).

Settings: those of Ruffy, Chahal, "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850) for
ResNet-26 -> ResNet-20 -> ResNet-8 on CIFAR-10: 90.57 % (KD without the assistant 90.33, no teacher 89.42). They report
the best epoch on the test set; here the last is kept unless `keep: best` and a stream to validate on are given.

    | stage     | learns      | from        | objective       | epochs, batch | optimizer, x 0.1 after             |
    | teach     | teacher     | labels      | ce              | 200, 128      | SGD, lr 0.1, Nesterov 0.9; 66, 132 |
    | hop1      | assistant 1 | teacher     | 0.5 ce + 0.5 kd | 200, 128      | the same                           |
    | hop2 ...  | assistant 2 | assistant 1 | 0.5 ce + 0.5 kd | 200, 128      | the same                           |
    | the last  | student     | assistant n | 0.5 ce + 0.5 kd | 200, 128      | the same                           |

`teach` is there only where the teacher has no weights. Without assistants this is plain distillation.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field

from distill_core.spec.config import Name
from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, published


@RECIPES.register("takd")
class TAKD(Recipe):
    """Teacher-assistant distillation: a chain of models, each taught by the one before."""

    assistants: Annotated[tuple[Name, ...], Field(max_length=16)] = Field(
        default=("assistant",), description="Names of the models between teacher and student, from large to small."
    )
    ce_weight: Weight = Field(default=0.5, description="Weight of cross-entropy in every hop; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.5, description="Weight of the teacher's soft targets in every hop.")
    temperature: Temperature = Field(default=5.0, description="Divides the logits of both before the softmax.")
    epochs: Epochs = Field(default=200, description="Epochs of every hop.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(200, 66, 132)

    def stages(self) -> Stages:
        """Return one stage a hop: whoever was taught last teaches next."""
        chain = pairwise((self.teacher, *self.assistants, self.student))
        return [
            {
                "name": f"hop{number}",
                **self.roles,
                **self.training,
                "student": taught,
                "teachers": (teacher,),
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}},
                },
            }
            for number, (teacher, taught) in enumerate(chain, start=1)
        ]
