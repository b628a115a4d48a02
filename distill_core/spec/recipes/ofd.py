"""OFD: beside the labels the student imitates the teacher's maps in front of the ReLU, where they say something useful.

Byeongho Heo, Jeesoo Kim, Sangdoo Yun, Hyojin Park, Nojun Kwak, Jin Young Choi: "A Comprehensive Overhaul of Feature
Distillation", ICCV 2019 (arXiv 1904.01866).

Settings: the authors' code for CIFAR-100, where WRN-28-4 teaches WRN-16-4 to 79.11 % and WRN-16-2 to 75.92 %. On
ImageNet weight 0.0001, with which ResNet-50 teaches MobileNet to 71.25 %. mdistiller takes the same weight, 0.001, in
the CIFAR-100 protocol (see the package).

    | stage  | learns                 | objective        | epochs, batch | learning rate, Nesterov's momentum |
    | distil | student and connectors | ce + 0.001 ofd   | 200, 128      | 0.1, x 0.1 after 100 and 150       |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.optimizer import SGD, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import MAX_PLACES, Path, Paths, auto_places
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Weight, published


@RECIPES.register("ofd")
class OFD(Recipe):
    """OFD: the teacher's maps in front of the ReLU, raised to a margin, beside the labels."""

    student_places: Paths = auto_places(
        "student", "stages.pre", "Maps of the student in front of the activation, from shallow to deep."
    )
    teacher_places: Paths = auto_places("teacher", "stages.pre", "Those of the teacher, each the partner of one.")
    teacher_norms: tuple[Path, ...] = Field(
        default=(),
        max_length=MAX_PLACES,
        description="Module paths of the BatchNorms that stand before the activations at the teacher's places; left "
        "out: the model says.",
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    ofd_weight: Weight = Field(default=0.001, description="Weight of the difference between the maps.")
    epochs: Epochs = Field(default=200, description="Epochs of the student.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        description="Optimizer and its options.",
    )
    schedule: ScheduleSpec = published(200, 100, 150)

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "ofd": {
                        "method": "ofd",
                        "weight": self.ofd_weight,
                        "params": {
                            "student_places": self.student_places,
                            "teacher_places": self.teacher_places,
                            "teacher_norms": self.teacher_norms,
                        },
                    },
                },
            },
        )
