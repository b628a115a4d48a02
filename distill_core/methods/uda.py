"""Consistency between views: the student shall say to a strongly changed image what it says to the image itself.

Qizhe Xie, Zihang Dai, Eduard Hovy, Minh-Thang Luong, Quoc V. Le: "Unsupervised Data Augmentation for Consistency
Training", NeurIPS 2020 (arXiv 1904.12848). Needs neither labels nor teacher. The paper's options for little labelled
data, off here as in their code's defaults: `sharpening` 0.4 and `confidence` 0.8. A sample that the student is not sure
of counts as 0 in the mean over the batch (paper and code); ports of it take the mean over the others (`confident`).
The helper of Ruffy and Chahal's code, which nothing calls, has it the other way round and lets both sides learn:
`direction` augmented_teaches, `detach` false.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.distributed import current_world, sum_over_ranks
from distill_core.logits import soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config, Name
from distill_core.spec.views import NAMES_VIEW
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class UDAParams(Config):
    """Options of consistency between views."""

    strong_view: Name = Field(
        default="strong",
        description="View of the changed images; the term's own shows the others.",
        json_schema_extra=NAMES_VIEW,
    )
    direction: Literal["clean_teaches", "augmented_teaches"] = Field(
        default="clean_teaches", description="Which view's probabilities are the target."
    )
    detach: bool = Field(
        default=True, description="Whether the target is a constant, so that the other view learns alone."
    )
    sharpening: float = Field(
        default=1.0, gt=0, le=1000, description="Divides the target's logits before the softmax; below 1 sharpens."
    )
    standardise: bool = Field(
        default=False, description="Give the logits of both views mean 0 and deviation 1 a sample first."
    )
    confidence: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Samples count whose largest target probability, not sharpened, is above it.",
    )
    average: Literal["batch", "confident"] = Field(
        default="batch", description="Over what the mean is taken: all samples of the batch, or those that count."
    )


@METHODS.register("uda")
class UDA(Term[UDAParams]):
    """Divergence between the student's own class probabilities of two views of a sample."""

    Params = UDAParams
    needs = Needs()
    use = "With unlabelled images of the same kind beside the labelled ones; it asks the student to agree with itself."

    @classmethod
    def places(cls, params: UDAParams) -> Places:
        """Return the student's logits in both views."""
        return Places(student=(LOGITS, replace(LOGITS, view=params.strong_view)))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over B of 1[max p > c] KL(softmax(z / t) || softmax(z~)), p = softmax(z), for z, z~ [B K].

        z is detached; the mean may be over the samples that count alone.
        """
        params = self.params
        clean, strong = student[LOGITS], student[replace(LOGITS, view=params.strong_view)]
        taught, target = (strong, clean) if params.direction == "clean_teaches" else (clean, strong)
        if params.detach:
            target = target.detach()
        wanted = soften(target, params.sharpening, standardise=params.standardise)
        mine = soften(taught, 1.0, standardise=params.standardise)
        divergences = functional.kl_div(mine, wanted, reduction="none", log_target=True)
        losses: Tensor = divergences.sum(1)
        counts: Tensor = (target.detach().softmax(1).amax(1) > params.confidence).to(losses.dtype)
        if params.average == "batch":
            return (losses * counts).mean()
        return (losses * counts).sum() * current_world().size / sum_over_ranks(counts.sum()).clamp(min=1)
