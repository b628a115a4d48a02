"""Knowledge distillation: the student imitates the teacher's softened class probabilities.

Geoffrey Hinton, Oriol Vinyals, Jeff Dean: "Distilling the Knowledge in a Neural Network", NIPS workshop 2014
(arXiv 1503.02531). Only the soft half of the paper's objective; the hard half is the term `ce`. The divergence is
summed over classes and averaged over the batch; averaging over classes as well (`mean`), as torch's default reduction
does and much published code with it (TAKD's and Tf-KD's), divides the gradient by K. The cross-entropy with the
teacher's probabilities (`cross_entropy`), as in older versions of PyTorch's tutorial, has the same gradient and a value
that does not fall to 0. The factor T^2 is always there: torchdistill leaves it out where cross-entropy has no weight.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from distill_core.logits import Reduction, divergence, soft_cross_entropy, soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class KDParams(Config):
    """Options of knowledge distillation."""

    temperature: float = Field(
        default=4.0, gt=0, le=1000, description="Divides the logits of both before the softmax; larger is softer."
    )
    standardise: bool = Field(
        default=False, description="Give the logits of both mean 0 and deviation 1 a sample first (Sun et al. 2024)."
    )
    reduction: Reduction = Field(
        default="batchmean", description="Mean over the batch alone, or (mean) over batch and classes."
    )
    form: Literal["divergence", "cross_entropy"] = Field(
        default="divergence",
        description="KL divergence, or cross-entropy with the teacher's probabilities: equal gradients, other values.",
    )


@METHODS.register("kd")
class KD(Term[KDParams]):
    """Divergence of the student's softened class probabilities from the teacher's."""

    Params = KDParams
    needs = Needs(teacher=True, same_classes=True)
    use = (
        "First of all: it is cheap, needs nothing but logits of the same classes, and beats most feature methods; "
        "T 4 on small images, 1 on ImageNet."
    )

    @classmethod
    def places(cls, params: KDParams) -> Places:
        """Return the logits of both."""
        return Places(student=(LOGITS,), teacher=(LOGITS,))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return T^2 mean over B of KL(softmax(z_t / T) || softmax(z_s / T)) for z_s, z_t [B K].

        As cross-entropy T^2 mean over B of -sum_k softmax(z_t / T)_k log softmax(z_s / T)_k.
        """
        params = self.params
        mine = soften(student[LOGITS], params.temperature, standardise=params.standardise)
        wanted = soften(teacher[LOGITS].detach(), params.temperature, standardise=params.standardise)
        compare = divergence if params.form == "divergence" else soft_cross_entropy
        return compare(mine, wanted, params.reduction) * params.temperature**2
