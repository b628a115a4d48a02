"""KTAAD: an auto-encoder learns a code of the teacher's map, then a compact network adapts to code and affinity.

Tong He, Chunhua Shen, Zhi Tian, Dong Gong, Changming Sun, Youliang Yan: "Knowledge Adaptation for Efficient Semantic
Segmentation", CVPR 2019 (arXiv 1903.04688).

Settings: those of torchdistill's reproduction on COCO with the 21 classes of VOC, where DeepLabv3 with ResNet-50 ->
LRASPP with MobileNetV3 reaches 58.2 % mIoU (57.9 without a teacher). There images are scaled to 260 to 1040 pixels,
mirrored and cut to 480; the places are the teacher's `classifier.4`, its last map before the upsampling, and the
student's `classifier.high_classifier`; the auto-encoder takes batches of 4, and the student's of 16 are two of 8 whose
gradients are added up (`accumulate: 2`). The defaults are the last maps of both, which any classifier has.

    | stage       | learns            | objective                  | epochs, batch | SGD's learning rate, momentum 0.9 |
    | autoencoder | auto-encoder      | ktaad_autoencoder          | 1, 4          | 0.1                               |
    | ktaad       | student, adapters | ce + ktaad (50 kta + ad)   | 30, 16        | 0.007, to 0 with power 0.9        |

`ce` is a plain loss here, cross-entropy of all pixels that have a label. In the first stage the student keeps its role
and is not run.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.config import Params
from distill_core.spec.optimizer import SGD, OptimizerSpec, Poly, ScheduleSpec
from distill_core.spec.place import Path, PlaceSpec, auto_place
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Weight


@RECIPES.register("ktaad")
class KTAAD(Recipe):
    """Knowledge adaptation in two stages: an auto-encoder of the teacher's map, then the student with two adapters."""

    student_place: Path = auto_place("student", "last", "The student's map.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's map.")
    rate: float = Field(default=0.5, gt=0, le=4, description="Channels of the code, as a share of the map's.")
    batch_norm: bool = Field(default=True, description="Whether BatchNorm follows the auto-encoder's convolutions.")
    sparsity: float = Field(
        default=1e-7, ge=0, le=1, description="Weight of the sum of the absolute values of the batch's codes."
    )
    autoencoder_epochs: Epochs = Field(default=1, description="Epochs of the auto-encoder.")
    autoencoder_batch_size: int = Field(
        default=4, ge=1, le=1_000_000, description="Samples a step of the auto-encoder, over all ranks."
    )
    autoencoder_optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4),
        description="Optimizer of the auto-encoder.",
    )
    affinity: Literal["per_channel", "pixels"] = Field(
        default="per_channel",
        description="Likeness of two pixels: the product of their values in each channel, each channel of length 1; or "
        "the cosine of their vectors.",
    )
    output: PlaceSpec = Field(
        default=PlaceSpec(of="student", path="logits"), description="What the labels are compared with."
    )
    labels: PlaceSpec = Field(default=PlaceSpec(of="labels"), description="The labels, of images or pixels.")
    label_loss: Params = Field(
        default={"function": "cross_entropy", "ignore_class": 255}, description="Loss of the output with the labels."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of the loss with the labels; 0 leaves it out.")
    kta_weight: Weight = Field(default=50.0, description="Weight of the difference between map and code.")
    ad_weight: Weight = Field(default=1.0, description="Weight of the difference between the affinities.")
    epochs: Epochs = Field(default=30, description="Epochs of the student.")
    batch_size: int = Field(default=16, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.007, momentum=0.9, weight_decay=1e-6),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = Field(
        default=Poly(schedule="poly", power=0.9), description="Schedule of the learning rate."
    )

    def stages(self) -> Stages:
        """Return the auto-encoder's stage and the student's."""
        return (
            {
                "name": "autoencoder",
                **self.roles,
                "batch_size": self.autoencoder_batch_size,
                "epochs": self.autoencoder_epochs,
                "optimizer": self.autoencoder_optimizer,
                "schedule": {"schedule": "constant"},
                "keep": "last",
                "objective": {
                    "ktaad_autoencoder": {
                        "method": "ktaad_autoencoder",
                        "params": {
                            "teacher_place": self.teacher_place,
                            "rate": self.rate,
                            "batch_norm": self.batch_norm,
                            "sparsity": self.sparsity,
                        },
                    },
                },
            },
            {
                "name": "ktaad",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {
                        "method": "loss",
                        "weight": self.ce_weight,
                        "params": {"loss": self.label_loss, "input": self.output, "target": self.labels},
                    },
                    "ktaad": {
                        "method": "ktaad",
                        "parts": {"kta": self.kta_weight, "ad": self.ad_weight},
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "affinity": self.affinity,
                        },
                    },
                },
            },
        )
