"""SKD: softened class probabilities, and how the directions of the logits of a batch lie to one another.

Jeong et al.: "Streamlined Knowledge Distillation", CVPR 2026 (arXiv 1503.02531 is Hinton, Vinyals, Dean, whose
divergence is the part `instance`; we know of no id of its own). The part `direction` is Mahalanobis' length of the
difference between the cosines of student and teacher; the covariance gets a multiple of the identity and is inverted by
its Cholesky factor. The paper's divergence has no factor T^2 (`paper`). As torchdistill reads the authors' code it has
one, and heeds only the samples that the teacher is no surer of than of the median one; the cosines are divided by K,
and the direction is multiplied by the share of classes no likelier than the median one, a half or so (`code`). The
authors' script as released averages over the batch before it chooses samples, so that their share alone remains
(`released`, the default: what they have published comes first). The paper's covariance outgrows the multiple of the
identity where cosines are not divided: the direction then hardly sees how large the difference is, and on small tasks
students fall into logits that all point one way. With several processes cosines, covariance and medians are those of
the whole batch.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.distributed import gather_rows, mean_over_ranks
from distill_core.logits import soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class SKDParams(Config):
    """Options of SKD."""

    mode: Literal["paper", "code", "released"] = Field(
        default="released",
        description="The paper's formulas; those of the authors' code with its masks; or of the code as released, "
        "where a share stands for the mask of samples.",
    )
    temperature: float = Field(
        default=4.0, gt=0, le=1000, description="Divides the logits of both before the softmax; larger is softer."
    )
    standardise: bool = Field(
        default=False,
        description="Give the logits of both mean 0 and deviation 1 a sample first, in `instance` (Sun et al. 2024).",
    )
    tikhonov: float = Field(
        default=0.1, ge=1e-6, le=1e6, description="Multiple of the identity that the covariance is given."
    )


@METHODS.register("skd")
class SKD(Term[SKDParams]):
    """Divergence of softened class probabilities, and whitened difference of the logits' similarities."""

    Params = SKDParams
    needs = Needs(teacher=True, same_classes=True, smallest_batch=2)
    use = (
        "In the place of kd where a teacher's confidence is misleading; batches of at least as many samples as "
        "there are classes."
    )

    @classmethod
    def places(cls, params: SKDParams) -> Places:
        """Return the logits of both."""
        return Places(student=(LOGITS,), teacher=(LOGITS,))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return `instance`, mean over B of KL_b of softmax(z / T), and `direction`, mean over B of |L^-1 D_b|.

        D = u_s u_s^T - u_t u_t^T [B B], u the logits with length 1, L L^T = cov(D) + tikhonov I. In `code` T^2 KL_b
        counts where max softmax(z_t)_b is at most its median; D is divided by K, the direction multiplied by a share.
        """
        mine, wanted = student[LOGITS], teacher[LOGITS].detach()
        return {"instance": self._diverge(mine, wanted), "direction": self._turn(mine, wanted)}

    def _diverge(self, mine: Tensor, wanted: Tensor) -> Tensor:
        temperature = self.params.temperature
        log_mine, log_wanted = (
            soften(logits, temperature, standardise=self.params.standardise) for logits in (mine, wanted)
        )
        losses = functional.kl_div(log_mine, log_wanted, reduction="none", log_target=True).sum(1)
        match self.params.mode:
            case "paper":
                return losses.mean()
            case "code":
                return (losses * _choose_unsure(wanted)).mean() * temperature**2
            case "released":
                return losses.mean() * mean_over_ranks(_choose_unsure(wanted).mean()) * temperature**2

    def _turn(self, mine: Tensor, wanted: Tensor) -> Tensor:
        mine, wanted = gather_rows(mine), gather_rows(wanted)
        difference = _compare_directions(mine) - _compare_directions(wanted)
        if self.params.mode == "paper":
            return _whiten(difference, self.params.tikhonov)
        return _whiten(difference / mine.shape[1], self.params.tikhonov) * _share_of_rare_classes(wanted)


def _compare_directions(logits: Tensor) -> Tensor:
    """Return the cosines [B B] between logits [B K]."""
    directions = functional.normalize(logits, dim=1)
    return directions @ directions.mT


def _whiten(difference: Tensor, tikhonov: float) -> Tensor:
    """Return the mean over rows [B] of sqrt(D_b (cov(D) + tikhonov I)^-1 D_b^T), D [B B] symmetric."""
    identity = torch.eye(len(difference), dtype=difference.dtype, device=difference.device)
    factor = torch.linalg.cholesky(torch.cov(difference) + tikhonov * identity)
    whitened = torch.linalg.solve_triangular(factor, difference.mT, upper=False)
    lengths: Tensor = torch.linalg.vector_norm(whitened, dim=0)
    return lengths.mean()


def _choose_unsure(logits: Tensor) -> Tensor:
    """Return 1 for the samples of this rank [b] that the teacher is no surer of than of the whole batch's median."""
    confidence = logits.softmax(1).amax(1)
    return (confidence <= gather_rows(confidence).median()).to(logits.dtype)


def _share_of_rare_classes(logits: Tensor) -> Tensor:
    """Return the share of classes that have at most the median of probability in the whole batch [B K]."""
    mass = logits.softmax(1).sum(0)
    return (mass <= mass.median()).to(logits.dtype).mean()
