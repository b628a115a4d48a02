"""DIST: the student's predictions shall correlate with the teacher's, class by class and sample by sample.

Tao Huang, Shan You, Fei Wang, Chen Qian, Chang Xu: "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022
(arXiv 2205.10536). As the authors' code: 1e-8 is added to the product of the lengths, and predictions that are equal
thus leave a loss a little above 0, the more so the flatter they are. With several processes the batch is that of all of
them; few samples make the correlations over the batch noisy.

Shapes: B batch, K classes.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from distill_core.distributed import gather_rows
from distill_core.logits import soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term

EPSILON = 1e-8
"""Keeps the correlation of a constant from 0/0."""


class DISTParams(Config):
    """Options of DIST."""

    beta: float = Field(default=1.0, ge=0, le=1e6, description="Factor of the correlation over classes, a sample.")
    gamma: float = Field(default=1.0, ge=0, le=1e6, description="Factor of the correlation over the batch, a class.")
    temperature: float = Field(
        default=4.0, gt=0, le=1000, description="Divides the logits of both before the softmax; larger is softer."
    )
    standardise: bool = Field(
        default=False, description="Give the logits of both mean 0 and deviation 1 a sample first (Sun et al. 2024)."
    )


@METHODS.register("dist")
class DIST(Term[DISTParams]):
    """Correlation of the student's class probabilities with the teacher's, of each sample and of each class."""

    Params = DISTParams
    needs = Needs(teacher=True, same_classes=True, smallest_batch=2)
    use = (
        "In the place of kd with a much stronger teacher, whose exact probabilities a small student cannot match; "
        "batches of 64 and more."
    )

    @classmethod
    def places(cls, params: DISTParams) -> Places:
        """Return the logits of both."""
        return Places(student=(LOGITS,), teacher=(LOGITS,))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return T^2 (beta (1 - mean over B of r(p_s, p_t)) + gamma (1 - mean over K of r(p_s^T, p_t^T))).

        p = softmax(z / T) [B K], and r is Pearson's correlation of two rows.
        """
        params = self.params
        mine = self._predict(student[LOGITS])
        wanted = self._predict(teacher[LOGITS].detach())
        inter = 1 - _correlate(mine, wanted).mean()
        intra = 1 - _correlate(mine.mT, wanted.mT).mean()
        return (params.beta * inter + params.gamma * intra) * params.temperature**2

    def _predict(self, logits: Tensor) -> Tensor:
        return soften(gather_rows(logits), self.params.temperature, standardise=self.params.standardise).exp()


def _correlate(a: Tensor, b: Tensor) -> Tensor:
    """Return Pearson's correlation of each row of a [M N] with that of b [M N], [M]."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    lengths = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
    correlations: Tensor = (a * b).sum(1) / (lengths + EPSILON)
    return correlations
