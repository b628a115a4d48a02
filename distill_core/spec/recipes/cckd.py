"""CCKD: how the samples of a batch resemble one another in embeddings of student and teacher.

Baoyun Peng, Xiao Jin, Jiaheng Liu, Shunfeng Zhou, Yichao Wu, Yu Liu, Dongsheng Li, Zhaoning Zhang: "Correlation
Congruence for Knowledge Distillation", ICCV 2019 (arXiv 1904.01802).

Settings: the CIFAR-100 protocol (see the package) with the form that RepDistiller has from the authors and its weight,
by which the pairs named in kd.py reach 72.97, 69.63 and 73.56 %. The paper's kernel is `form: kernel`, whose weight is
0.003, beside soft targets; on ImageNet ResNet-34 -> ResNet-18 70.74 %. torchdistill's sample has that weight, but for
the norm that the paper squares (`reduction: norm`) and for embeddings of any length (`unit_norm: false`).

    | stage  | learns                     | objective                                |
    | distil | student, both embeddings   | ce + 0.02 cckd (kernel: ce + 0.003)      |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from distill_core.spec.place import Path, auto_place
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


def _weigh_form(options: Mapping[str, Any]) -> float:
    return 0.003 if options.get("form") == "kernel" else 0.02


@RECIPES.register("cckd")
class CCKD(Recipe):
    """Correlation congruence beside the labels, in one stage."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    embedding_size: int = Field(default=128, ge=1, le=65_536, description="Length of the embeddings of both.")
    form: Literal["kernel", "author"] = Field(
        default="author", description="Kernels of all pairs, or products of differences of samples side by side."
    )
    unit_norm: bool = Field(default=True, description="Bring the embeddings to length 1 for the kernel.")
    reduction: Literal["norm", "square"] = Field(
        default="square", description="Squared Frobenius norm of the kernels' difference over B^2, or the norm itself."
    )
    ce_weight: Weight = Field(default=1.0, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=0.0, description="Weight of the teacher's soft targets; 0 leaves them out.")
    cckd_weight: Weight = Field(
        default_factory=_weigh_form,
        description="Weight of the difference between correlations; 0.02, or 0.003 of kernels, if left out.",
    )
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
                    "cckd": {
                        "method": "cckd",
                        "weight": self.cckd_weight,
                        "params": {
                            "student_place": self.student_place,
                            "teacher_place": self.teacher_place,
                            "embedding_size": self.embedding_size,
                            "form": self.form,
                            "unit_norm": self.unit_norm,
                            "reduction": self.reduction,
                        },
                    },
                },
            },
        )
