"""HND and GHND: the head of a copy of the teacher gets a bottleneck and learns to give what the teacher's head gives.

`hnd`: Yoshitomo Matsubara, Sabur Baidya, Davide Callegaro, Marco Levorato, Sameer Singh: "Distilled Split Deep Neural
Networks for Edge-Assisted Real-Time Systems", HotEdgeVideo at MobiCom 2019 (doi 10.1145/3349614.3356022). `ghnd`:
Yoshitomo Matsubara, Marco Levorato: "Neural Compression and Filtering for Edge-assisted Real-time Object Detection in
Challenged Networks", ICPR 2020 (arXiv 2007.15818).

Settings: those of torchdistill on ImageNet: 20 epochs, batches of 32, Adam, lr 0.001 with x 0.1 after 5, 10 and 15. On
COCO the same with batches of 4 and x 0.1 after 5 and 15, where GHND's Faster R-CNN reaches a mAP of 35.9, its Mask
R-CNN 36.9 for boxes and 33.6 for masks. The student is a `bottlenecked` model whose base is that of the teacher.

    | stage | learns                                         | objective |
    | hnd   | head of the student, up to the bottleneck      | hnd       |
    | ghnd  | head of the student, up to the bottleneck      | ghnd      |

The tail takes over the teacher's weights when the stage begins, and is frozen. Neither recipe looks at labels.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.optimizer import Adam, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Path, Paths, auto_place, auto_places
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, published
from distill_core.spec.stage import ModulePath

Parts = Annotated[tuple[ModulePath, ...], Field(min_length=1, max_length=256)]


class Split(Recipe):
    """What both recipes share: which part of the student is the head, which the tail, and how the head is trained."""

    head: Parts = Field(default=("stem", "stage1"), description="Parts of the student that learn, bottleneck included.")
    tail: Parts = Field(
        default=("stage2", "stage3", "classifier"), description="Parts of the student that keep the teacher's weights."
    )
    reduction: Literal["sum", "mean"] = Field(
        default="sum", description="Sum of the squared differences over the batch, or their mean over all elements."
    )
    epochs: Epochs = Field(default=20, description="Epochs of the head.")
    batch_size: int = Field(default=32, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(default=Adam(optimizer="adam", lr=0.001), description="Optimizer and its options.")
    schedule: ScheduleSpec = published(20, 5, 10, 15)


@RECIPES.register("hnd")
class HND(Split):
    """HND: the end of the student's head alone, behind its bottleneck."""

    student_place: Path = auto_place("student", "first", "The end of the student's head.")
    teacher_place: Path = auto_place("teacher", "first", "The end of the teacher's head.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "hnd",
                **self.roles,
                **self.training,
                "trainable": self.head,
                "frozen": self.tail,
                "take_over": {"model": self.teacher},
                "objective": {
                    "hnd": {
                        "method": "hnd",
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "reduction": self.reduction,
                        },
                    },
                },
            },
        )


@RECIPES.register("ghnd")
class GHND(Split):
    """GHND: the end of the student's head and the layers behind it."""

    student_places: Paths = auto_places("student", "stages", "The end of the student's head, and layers behind it.")
    teacher_places: Paths = auto_places("teacher", "stages", "The same of the teacher.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "ghnd",
                **self.roles,
                **self.training,
                "trainable": self.head,
                "frozen": self.tail,
                "take_over": {"model": self.teacher},
                "objective": {
                    "ghnd": {
                        "method": "ghnd",
                        "params": {
                            "student_places": self.student_places,
                            "teacher_places": self.teacher_places,
                            "reduction": self.reduction,
                        },
                    },
                },
            },
        )
