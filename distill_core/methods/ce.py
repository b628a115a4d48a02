"""Cross-entropy with the labels: learning without a teacher, and the supervised part of most objectives.

Christian Szegedy, Vincent Vanhoucke, Sergey Ioffe, Jonathon Shlens, Zbigniew Wojna: "Rethinking the Inception
Architecture for Computer Vision", CVPR 2016 (arXiv 1512.00567) is where label smoothing comes from: the smoothed mass
is spread over all K classes, as in torch. Other published code, that of Tf-KD among it, spreads it over the K - 1 wrong
ones (`wrong_classes`): the label then keeps e / K less.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.logits import spread_labels
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.tap import LOGITS, Activations
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class CEParams(Config):
    """Options of cross-entropy."""

    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the target's mass that is spread evenly over classes."
    )
    smoothing: Literal["all_classes", "wrong_classes"] = Field(
        default="all_classes", description="Over which classes: all of them, or all but the label."
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
        """Return mean over B of -sum_k q_k log softmax(z)_k, q = (1 - e) onehot(y) + e / K, z [B K].

        Over the wrong classes alone q = (1 - e) onehot(y) + e / (K - 1) (1 - onehot(y)).
        """
        logits, share = student[LOGITS], self.params.label_smoothing
        if self.params.smoothing == "wrong_classes":
            return functional.cross_entropy(logits, spread_labels(batch.labels, logits, 1 - share))
        return functional.cross_entropy(logits, batch.labels, label_smoothing=share)
