"""CRD + KD: the student's representation of a sample is told from the teacher's of others, beside soft targets.

Yonglong Tian, Dilip Krishnan, Phillip Isola: "Contrastive Representation Distillation", ICLR 2020 (arXiv 1910.10699).

Settings: the CIFAR-100 protocol (see the package). For the pairs named in kd.py CRD with KD reaches about 75.46, 71.63
and 75.64 %, and CRD alone (`kd_weight: 0`) 75.51, 71.16 and 75.48.

    | stage  | learns                     | objective                  |
    | distil | student, both embeddings   | ce + kd (T 4) + 0.8 crd    |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("crd")
class CRD(Recipe):
    """Contrastive representation distillation with soft targets, in one stage."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    embedding_size: int = Field(default=128, ge=1, le=65_536, description="Length of the embeddings of both.")
    num_negatives: int = Field(default=16_384, ge=1, le=1_000_000, description="Negatives a sample.")
    crd_temperature: float = Field(default=0.07, ge=0.01, le=1000, description="Divides the similarities.")
    momentum: float = Field(default=0.5, ge=0, lt=1, description="Share of a sample's memory that an update keeps.")
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=1.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    crd_weight: Weight = Field(default=0.8, description="Weight of the contrast.")
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
                    "crd": {
                        "method": "crd",
                        "weight": self.crd_weight,
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "embedding_size": self.embedding_size,
                            "num_negatives": self.num_negatives,
                            "temperature": self.crd_temperature,
                            "momentum": self.momentum,
                        },
                    },
                },
            },
        )
