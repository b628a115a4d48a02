"""UDA distillation: the student imitates the teacher on every image and on a strongly changed version of it.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850), after
Qizhe Xie et al., "Unsupervised Data Augmentation for Consistency Training", NeurIPS 2020 (arXiv 1904.12848).

Settings: theirs for ResNet-26 -> ResNet-8 on CIFAR-10: 90.52 % (KD 90.33, no teacher 89.42); with 350 epochs 91.22, and
90.34 without the teacher (`kd_weight: 0`). They report the best epoch on the test set; here the last is kept unless
`keep: best` and a stream to validate on are given. The losses of both views are halved, as in their code; the text adds
them. Their strong view is made of the raw image, by AutoAugment in the code and RandAugment in the text:

    views:
      main: {transforms: [{transform: random_crop, padding: 4}, {transform: horizontal_flip}, {transform: normalize}]}
      strong: {transforms: [{transform: auto_augment}, {transform: normalize}]}

    | stage  | learns  | objective                       | epochs, batch | optimizer, x 0.1 after             |
    | distil | student | 0.25 ce + 0.25 kd on both views | 200, 128      | SGD, lr 0.1, Nesterov 0.9; 66, 132 |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from distill_core.spec.config import Name
from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, published


@RECIPES.register("uda")
class UDA(Recipe):
    """Distillation on two views of every image, one of them strongly changed."""

    strong_view: Name = Field(
        default="strong", description="View of the changed images; the stream's first is the other."
    )
    ce_weight: Weight = Field(default=0.25, description="Weight of cross-entropy on each view; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.25, description="Weight of the soft targets on each view; 0 leaves them out.")
    temperature: Temperature = Field(default=5.0, description="Divides the logits of both before the softmax.")
    epochs: Epochs = Field(default=200, description="Epochs of the student.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Labelled samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(200, 66, 132)

    def stages(self) -> Stages:
        """Return the one stage."""
        return ({"name": "distil", **self.roles, **self.training, "objective": self.both_views},)

    @property
    def both_views(self) -> Mapping[str, Any]:
        """The terms on both views of the labelled samples."""
        ce = {"method": "ce", "weight": self.ce_weight}
        kd = {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}}
        strong = {"view": self.strong_view}
        return {"ce": ce, "kd": kd, "ce_strong": {**ce, **strong}, "kd_strong": {**kd, **strong}}
