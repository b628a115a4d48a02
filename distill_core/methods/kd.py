"""Knowledge distillation: the student imitates the teacher's softened class probabilities.

Geoffrey Hinton, Oriol Vinyals, Jeff Dean: "Distilling the Knowledge in a Neural Network", NIPS workshop 2014
(arXiv 1503.02531). Only the soft half of the paper's objective; the hard half is the term `ce`. The divergence is
summed over classes and averaged over the batch; averaging over classes as well, as torch's default reduction does and
much published code with it, would divide the gradient by K.
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


class KDParams(Config):
    """Options of knowledge distillation."""

    temperature: float = Field(
        default=4.0, gt=0, le=1000, description="Divides the logits of both before the softmax; larger is softer."
    )


@METHODS.register("kd")
class KD(Term[KDParams]):
    """Divergence of the student's softened class probabilities from the teacher's."""

    Params = KDParams
    needs = Needs(teacher=True, same_classes=True)

    @classmethod
    def places(cls, params: KDParams) -> Places:
        """Return the logits of both."""
        return Places(student=(LOGITS,), teacher=(LOGITS,))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return T^2 mean over B of KL(softmax(z_t / T) || softmax(z_s / T))."""
        temperature = self.params.temperature
        log_student = functional.log_softmax(student[LOGITS] / temperature, dim=1)
        log_teacher = functional.log_softmax(teacher[LOGITS].detach() / temperature, dim=1)
        return functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True) * temperature**2
