"""Tf-KD by self-training: the student is taught by a copy of itself that was trained before, without a larger teacher.

Li Yuan, Francis E. H. Tay, Guilin Li, Tao Wang, Jiashi Feng: "Revisiting Knowledge Distillation via Label Smoothing
Regularization", CVPR 2020 (arXiv 1909.11723). The models `teacher` and `student` are of the same architecture.

Settings: the authors' code for ResNet-18 on CIFAR-100, 75.87 -> 77.10 %. It averages the divergence over the classes
too and multiplies it by 50 for that; the weight of `kd` is 0.95 times 50. Its others: MobileNetV2 CE 0.05, KD 0.95, T
20; ResNeXt-29 CE 0.1, KD 90, T 20, 81.03 -> 82.08 %. On ImageNet torchdistill takes CE 0.9, KD 0.1 with the mean over
the batch alone, T 1, 90 epochs: ResNet-18 70.52 %.

    | stage  | learns  | objective         | epochs, batch | optimizer, x 0.2 after                  |
    | teach  | teacher | ce                | 200, 128      | SGD, lr 0.1, momentum 0.9; 60, 120, 160 |
    | distil | student | 0.05 ce + 47.5 kd | 200, 128      | the same; the first epoch is a warm-up  |

`teach` is there only where the teacher has no weights; it has no warm-up.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight, published
from distill_core.spec.training import WarmupSpec


@RECIPES.register("tfkd_self")
class TfKDSelf(Recipe):
    """Self-training: a trained copy of the student teaches it."""

    ce_weight: Weight = Field(default=0.05, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=47.5, description="Weight of the copy's soft targets.")
    temperature: Temperature = Field(default=6.0, description="Divides the logits of both before the softmax.")
    reduction: Literal["batchmean", "mean"] = Field(
        default="mean", description="Mean of the divergence over the batch alone, or (mean) over batch and classes."
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
        """Return the student's stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kd": {
                        "method": "kd",
                        "weight": self.kd_weight,
                        "params": {"temperature": self.temperature, "reduction": self.reduction},
                    },
                },
            },
        )
