"""PAD-L2: pooled features are imitated the less, the less certain a branch of the student says they can be told.

Youcai Zhang, Zhonghao Lan, Yuchen Dai, Fangao Zeng, Yan Bai, Jie Chang, Yichen Wei: "Prime-Aware Adaptive
Distillation", ECCV 2020 (arXiv 2008.01458). The branch, a linear layer and BatchNorm on the student's pooled features,
gives the logarithm of a variance a feature; samples with small ones count more. In the paper the student has learned
by squared differences before (`l2`). As the code that torchdistill publishes for it, the loss has no factor 1/2 and can
be negative. Where the widths differ a linear layer of the student stands between, which is ours. Maps and tokens are
averaged over their positions.

Shapes: B batch, D features.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term
from distill_core.vectors import Embedding, build_embedding, count_features, pool_vectors

VARIANCE_EPSILON = 1e-6


class PADParams(Config):
    """Options of PAD-L2."""

    student_place: Path = auto_place("student", "pooled", "The student's pooled features.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's pooled features.")
    embed: Embedding = Field(
        default="auto", description="Linear layer on the student's features; auto: where the widths differ."
    )


@METHODS.register("pad")
class PAD(Term[PADParams]):
    """Likelihood of the teacher's pooled features, whose variances a branch of the student tells."""

    Params = PADParams
    needs = Needs(teacher=True, smallest_batch=2)
    use = "After l2, where some samples are too hard for the student: it learns how much to trust each dimension."

    @classmethod
    def places(cls, params: PADParams) -> Places:
        """Return the pooled features of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the branch of the variances, and the linear layer where one is needed."""
        student, teacher = self.params.student_place, self.params.teacher_place
        width = count_features(setting.student[Place(student)], student, "/params/student_place")
        wanted = count_features(setting.teacher[Place(teacher)], teacher, "/params/teacher_place")
        self.embed = build_embedding(self.params.embed, width, wanted)
        self.variance = nn.Sequential(nn.Linear(width, wanted), nn.BatchNorm1d(wanted))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over B D of (t - s)^2 / (1e-6 + e^v) + v, v [B D] the branch's logarithm of the variance."""
        features = pool_vectors(student[Place(self.params.student_place)])
        wanted = pool_vectors(teacher[Place(self.params.teacher_place)].detach())
        log_variance: Tensor = self.variance(features)
        distance: Tensor = (wanted - self.embed(features)).square()
        return (distance / (VARIANCE_EPSILON + log_variance.exp()) + log_variance).mean()
