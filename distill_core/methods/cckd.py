"""Correlation congruence: how the samples of a batch resemble one another in embeddings of student and teacher.

Baoyun Peng, Xiao Jin, Jiaheng Liu, Shunfeng Zhou, Yichao Wu, Yu Liu, Dongsheng Li, Zhaoning Zhang: "Correlation
Congruence for Knowledge Distillation", ICCV 2019 (arXiv 1904.01802). Both embeddings are learned. By default the
paper's loss: the squared Frobenius norm of the difference between kernels, each a Taylor series of the Gaussian one,
which it is only for embeddings of length 1. torchdistill takes the norm as it is (`reduction: norm`) of embeddings as
they are (`unit_norm: false`), weight 0.003. The form `author` is the code that RepDistiller has from the authors,
weight 0.02: differences of samples that are neighbours in the batch, no kernel. With several processes the batch is
that of all of them.

Shapes: B batch, E embedding.
"""

from __future__ import annotations

from math import exp, factorial, prod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.distributed import gather_rows
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class CCKDParams(Config):
    """Options of correlation congruence."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    embedding_size: int = Field(default=128, ge=1, le=65_536, description="Length of the embeddings of both.")
    form: Literal["kernel", "author"] = Field(
        default="kernel", description="Kernels of all pairs, or products of differences of samples side by side."
    )
    kernel: Literal["gaussian", "bilinear"] = Field(
        default="gaussian", description="Taylor series of the Gaussian kernel, or the product of the embeddings."
    )
    gamma: float = Field(default=0.4, gt=0, le=100, description="Sharpness of the Gaussian kernel.")
    order: int = Field(default=2, ge=1, le=20, description="Order of the Taylor series.")
    unit_norm: bool = Field(default=True, description="Bring the embeddings to length 1 for the kernel.")
    reduction: Literal["norm", "square"] = Field(
        default="square", description="Squared Frobenius norm of the kernels' difference over B^2, or the norm itself."
    )


@METHODS.register("cckd")
class CCKD(Term[CCKDParams]):
    """Difference between the correlations of the batch's samples in student and teacher."""

    Params = CCKDParams
    needs = Needs(teacher=True, smallest_batch=2)
    use = "As spkd, through learned embeddings; class-balanced batches help."

    @classmethod
    def places(cls, params: CCKDParams) -> Places:
        """Return the representations of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make both embeddings."""
        size = self.params.embedding_size
        self.embed_student = nn.Linear(prod(setting.student[Place(self.params.student_place)][1:]), size)
        self.embed_teacher = nn.Linear(prod(setting.teacher[Place(self.params.teacher_place)][1:]), size)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return |K_s - K_t|_F^2 / B^2 or |K_s - K_t|_F / B^2, K = e^-2g sum_(p <= P) (2g)^p / p! (x y)^p or x y.

        The form `author` is mean over B - 1 of <|d_i|, |d_(i + 1)|>, d the differences of the embeddings.
        """
        mine = gather_rows(self.embed_student(student[Place(self.params.student_place)].flatten(1)))
        others = gather_rows(self.embed_teacher(teacher[Place(self.params.teacher_place)].detach().flatten(1)))
        if self.params.form == "author":
            return _multiply_neighbours((mine - others).abs())
        difference: Tensor = torch.linalg.vector_norm(self._correlate(mine) - self._correlate(others))
        if self.params.reduction == "square":
            difference = difference.square()
        return difference / len(mine) ** 2

    def _correlate(self, embeddings: Tensor) -> Tensor:
        """Return the kernel of every two embeddings [B E], [B B]."""
        if self.params.unit_norm:
            embeddings = functional.normalize(embeddings, dim=1)
        products = embeddings @ embeddings.mT
        if self.params.kernel == "bilinear":
            return products
        double = 2 * self.params.gamma
        series = torch.ones_like(products)
        for power in range(1, self.params.order + 1):
            series = series + double**power / factorial(power) * products**power
        return exp(-double) * series


def _multiply_neighbours(differences: Tensor) -> Tensor:
    """Return the mean product of rows side by side [B E]; 0 of a single row."""
    return (differences[:-1] * differences[1:]).sum() / max(1, len(differences) - 1)
