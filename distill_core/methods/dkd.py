"""Decoupled knowledge distillation: what KD says of the label's class and what it says of the others, weighed apart.

Borui Zhao, Quan Cui, Renjie Song, Yiyu Qiu, Jiajun Liang: "Decoupled Knowledge Distillation", CVPR 2022
(arXiv 2203.08679). As the authors' code, but the other classes are picked out instead of masked by -1000, the label's
probability and the rest stay logarithms (theirs gives log 0 for a sure student), and the teacher gets no gradient.
Their warm-up of the weight over 20 epochs is a schedule of the term's weight, which the recipe has. A sample with class
probabilities in the place of a label counts as one of its likeliest class.

Shapes: B batch, K classes.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.errors import Problem, SpecError
from distill_core.logits import divergence, soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class DKDParams(Config):
    """Options of decoupled knowledge distillation."""

    alpha: float = Field(default=1.0, ge=0, le=1e6, description="Factor of the label's class against all others.")
    beta: float = Field(default=8.0, ge=0, le=1e6, description="Factor of the classes other than the label's.")
    temperature: float = Field(
        default=4.0, gt=0, le=1000, description="Divides the logits of both before the softmax; larger is softer."
    )
    standardise: bool = Field(
        default=False, description="Give the logits of both mean 0 and deviation 1 a sample first (Sun et al. 2024)."
    )


@METHODS.register("dkd")
class DKD(Term[DKDParams]):
    """Divergences from the teacher on the label's class and among the other classes, each with a factor."""

    Params = DKDParams
    needs = Needs(teacher=True, labels=True, same_classes=True)
    use = (
        "In the place of kd where the teacher is very sure of itself: the other classes get a weight of their "
        "own. beta grows with the number of classes that resemble one another."
    )

    @classmethod
    def places(cls, params: DKDParams) -> Places:
        """Return the logits of both."""
        return Places(student=(LOGITS,), teacher=(LOGITS,))

    def build(self, setting: Setting) -> None:
        """Refuse logits that have nothing beside the label."""
        shape = setting.student[LOGITS]
        if len(shape) != 2 or shape[1] < 2:
            message = f"the logits have {list(shape[1:])} a sample, but decoupling needs two classes at least, [K]"
            raise SpecError([Problem("", "shape_unfit", message, list(shape[1:]))])

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return T^2 mean over B of alpha KL(b_t || b_s) + beta KL(n_t || n_s) for z_s, z_t [B K] and labels y.

        With p = softmax(z / T): b = [p_y, 1 - p_y] and n = p without the class y, over its sum. Alpha 1 and beta
        1 - p_t,y would be KD.
        """
        params = self.params
        target = batch.labels.argmax(1) if batch.labels.is_floating_point() else batch.labels
        mine = soften(student[LOGITS], params.temperature, standardise=params.standardise)
        wanted = soften(teacher[LOGITS].detach(), params.temperature, standardise=params.standardise)
        (label, others), (label_wanted, others_wanted) = _decouple(mine, target), _decouple(wanted, target)
        parts = params.alpha * divergence(label, label_wanted) + params.beta * divergence(others, others_wanted)
        return parts * params.temperature**2


def _decouple(log_probabilities: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return log [p_y, 1 - p_y] [B 2], and the logarithms of the other classes' shares of 1 - p_y [B K-1]."""
    own = target.unsqueeze(1)
    classes = torch.arange(log_probabilities.shape[1] - 1, device=own.device)
    others = log_probabilities.gather(1, classes + (classes >= own))
    rest = others.logsumexp(1, keepdim=True)
    return torch.cat([log_probabilities.gather(1, own), rest], 1), functional.log_softmax(others, dim=1)
