"""PKT: the student gives each sample the neighbours that the teacher gives it.

Nikolaos Passalis, Anastasios Tefas: "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018
(arXiv 1803.10837).

Settings: the CIFAR-100 protocol (see the package), where the pairs named in kd.py reach 73.64, 70.34 and 74.54 %. The
authors' code has no labels (`ce_weight: 0`) and Adam. torchdistill's sample for ImageNet: Adam, lr 0.0001, 20 epochs.

    | stage  | learns  | objective          |
    | distil | student | ce + 30000 pkt     |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("pkt")
class PKT(Recipe):
    """Probabilistic knowledge transfer beside the labels, in one stage."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    pkt_weight: Weight = Field(default=30_000.0, description="Weight of the divergence between neighbours.")
    temperature: Temperature = Field(default=4.0, description="Divides the logits of both before the softmax.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}},
                    "pkt": {
                        "method": "pkt",
                        "weight": self.pkt_weight,
                        "params": {"student_place": self.student_place, "teacher_place": self.teacher_place},
                    },
                },
            },
        )
