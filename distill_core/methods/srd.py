"""SRD: the student's pooled features, through one linear layer, imitate the teacher's after BatchNorm of both.

Roy Miles, Krystian Mikolajczyk: "Understanding the Role of the Projector in Knowledge Distillation", AAAI 2024
(arXiv 2303.11098). Statistics are those of the batch, with several processes of the whole of it, and so is the sum in
the logarithm. The normalisation learns nothing and keeps nothing, so that it is a function here; the authors' code and
torchdistill hold it as a module of the teacher, which must be left in training mode for it. torchdistill has the
paper's weight, 2, inside. `correlation` is the form of the authors' code for vision transformers, where its class
cannot be built. If student and teacher agree exactly the logarithm would be infinite: the smallest number of the data
type stands in the sum's place, and the gradient is zero. Maps and tokens are averaged over their positions.

Shapes: B batch, D features.
"""

from __future__ import annotations

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
from distill_core.vectors import count_features, pool_vectors

VARIANCE_EPSILON = 1e-4


class SRDParams(Config):
    """Options of SRD."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    form: Literal["difference", "correlation"] = Field(
        default="difference",
        description="What is summed: differences of samples and features, or what correlations of features lack to 1.",
    )
    exponent: float = Field(default=4.0, ge=1, le=16, description="Power of the absolute values that are summed.")


@METHODS.register("srd")
class SRD(Term[SRDParams]):
    """Logarithm of the summed powers of differences between normalised representations."""

    Params = SRDParams
    needs = Needs(teacher=True, smallest_batch=2)
    use = "With large batches, for pooled vectors: normalisation takes the place of tuning."

    @classmethod
    def places(cls, params: SRDParams) -> Places:
        """Return the representations of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the student's linear layer."""
        student, teacher = self.params.student_place, self.params.teacher_place
        width = count_features(setting.student[Place(student)], student, "/params/student_place")
        wanted = count_features(setting.teacher[Place(teacher)], teacher, "/params/teacher_place")
        self.embed = nn.Linear(width, wanted)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return log sum over B D of |n(W s + b) - n(t)|^p, n(x) = (x - mean) / sqrt(var + 1e-4) a feature.

        As correlation log sum over D of |mean over B of n(W s + b) n(t) - 1|^p.
        """
        mine = _standardise(self.embed(pool_vectors(student[Place(self.params.student_place)])))
        wanted = _standardise(pool_vectors(teacher[Place(self.params.teacher_place)].detach()))
        lacking = mine - wanted if self.params.form == "difference" else (mine * wanted).mean(0) - 1
        total = lacking.abs().pow(self.params.exponent).sum()
        return total.clamp_min(torch.finfo(total.dtype).tiny).log()


def _standardise(vectors: Tensor) -> Tensor:
    """Return the vectors of all ranks [B D] with mean 0 and variance 1 a feature."""
    return functional.batch_norm(gather_rows(vectors), None, None, training=True, eps=VARIANCE_EPSILON)
