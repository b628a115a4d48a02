"""Cross-entropy with the labels: learning without a teacher, and the supervised part of most objectives.

Label smoothing as in Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016
(arXiv 1512.00567): the smoothed mass is spread over all K classes, as torch does.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class CEParams(Config):
    """Options of cross-entropy."""

    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the target's mass that is spread evenly over all classes."
    )


@METHODS.register("ce")
class CE(Term[CEParams]):
    """Cross-entropy between the student's logits and the labels."""

    Params = CEParams
    needs = Needs(labels=True)
    use = "With every other method where samples have labels; alone it trains a teacher or the control."

    @classmethod
    def places(cls, params: CEParams) -> Places:
        """Return the student's logits."""
        return Places(student=(LOGITS,))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over B of -sum_k q_k log softmax(z)_k, q = (1 - e) onehot(y) + e / K."""
        smoothing = self.params.label_smoothing
        return functional.cross_entropy(student[LOGITS], batch.labels, label_smoothing=smoothing)
