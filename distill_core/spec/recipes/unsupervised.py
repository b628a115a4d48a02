"""Unsupervised KD: the teacher's soft targets alone, on images that need no labels.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850).

Settings: theirs; a student that sees the unlabelled images of STL-10 and the teacher's answers reaches 83 % on
CIFAR-10, of which it never sees an image. Their code trains on normal noise instead, which is any stream with the view
`{transforms: [{transform: noise}]}`.

    | stage  | learns  | objective | epochs, batch | optimizer, x 0.1 after             |
    | distil | student | 0.5 kd    | 200, 128      | SGD, lr 0.1, Nesterov 0.9; 66, 132 |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.config import Name
from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, published


@RECIPES.register("unsupervised")
class Unsupervised(Recipe):
    """Distillation without labels, on images of any kind."""

    unlabelled: Name = Field(
        default="unlabelled", description="Name of the stream that the student is trained on; `train` is the teacher's."
    )
    kd_weight: Weight = Field(default=0.5, description="Weight of the teacher's soft targets.")
    temperature: Temperature = Field(default=5.0, description="Divides the logits of both before the softmax.")
    epochs: Epochs = Field(default=200, description="Epochs of the student.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(200, 66, 132)

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "train": self.unlabelled,
                "objective": {
                    "kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}},
                },
            },
        )
