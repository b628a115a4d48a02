"""Tf-KD with a virtual teacher: the student imitates a distribution that is made from the label by hand.

Li Yuan, Francis E. H. Tay, Guilin Li, Tao Wang, Jiashi Feng: "Revisiting Knowledge Distillation via Label Smoothing
Regularization", CVPR 2020 (arXiv 1909.11723). As the authors' code, not the paper's text: the temperature softens the
virtual teacher's probabilities, as if they were logits, and not the student's; there is no factor T^2; and the
divergence is averaged over classes too, which a multiplier makes up for (100 for ResNet-18 on the 100 classes of
CIFAR-100). The paper's other half, a student taught by a trained copy of itself, is the term `kd` with `reduction:
mean`.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from distill_core.logits import Reduction, divergence, soften, spread_labels
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class TfKDRegParams(Config):
    """Options of the virtual teacher."""

    temperature: float = Field(
        default=20.0, gt=0, le=1000, description="Divides the virtual teacher's probabilities before a softmax."
    )
    correct_probability: float = Field(
        default=0.99, gt=0, lt=1, description="Probability that the virtual teacher gives the label, before that."
    )
    multiplier: float = Field(default=1.0, gt=0, le=1e6, description="Factor of the divergence.")
    standardise: bool = Field(
        default=False, description="Give the student's logits mean 0 and deviation 1 a sample first (Sun et al. 2024)."
    )
    reduction: Reduction = Field(
        default="mean", description="Mean over batch and classes, or (batchmean) over the batch alone."
    )


@METHODS.register("tfkd_reg")
class TfKDReg(Term[TfKDRegParams]):
    """Divergence of the student's class probabilities from those of a virtual teacher, which is made from the label."""

    Params = TfKDRegParams
    needs = Needs(labels=True)
    use = "Without any teacher, where label smoothing helps: a virtual teacher that is right with a given certainty."

    @classmethod
    def places(cls, params: TfKDRegParams) -> Places:
        """Return the student's logits."""
        return Places(student=(LOGITS,))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return m mean over B K of d_k (log d_k - log softmax(z)_k), d = softmax(u / T), z [B K].

        u = a onehot(y) + (1 - a) / (K - 1) (1 - onehot(y)), a the correct probability.
        """
        params, logits = self.params, student[LOGITS]
        virtual = spread_labels(batch.labels, logits, params.correct_probability)
        wanted = soften(virtual, params.temperature)
        mine = soften(logits, 1.0, standardise=params.standardise)
        return divergence(mine, wanted, params.reduction) * params.multiplier
