"""CSE-L2: the student gives the teacher's pooled features, by the squared difference.

Youcai Zhang, Zhonghao Lan, Yuchen Dai, Fangao Zeng, Yan Bai, Jie Chang, Yichen Wei: "Prime-Aware Adaptive
Distillation", ECCV 2020 (arXiv 2008.01458), where it is what the paper's own method is compared with and starts from.
There both have features of equal width; where the widths differ a linear layer of the student stands between, which is
ours. Maps and tokens are averaged over their positions.

Shapes: B batch, D features.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term
from distill_core.vectors import Embedding, build_embedding, count_features, pool_vectors


class L2Params(Config):
    """Options of CSE-L2."""

    student_place: Path = auto_place("student", "pooled", "The student's pooled features.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's pooled features.")
    embed: Embedding = Field(
        default="auto", description="Linear layer on the student's features; auto: where the widths differ."
    )


@METHODS.register("l2")
class L2(Term[L2Params]):
    """Squared difference between the pooled features of student and teacher."""

    Params = L2Params
    needs = Needs(teacher=True)
    use = "The simplest match of pooled vectors, for embeddings and as the start of pad."

    @classmethod
    def places(cls, params: L2Params) -> Places:
        """Return the pooled features of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the linear layer where one is needed."""
        student, teacher = self.params.student_place, self.params.teacher_place
        width = count_features(setting.student[Place(student)], student, "/params/student_place")
        wanted = count_features(setting.teacher[Place(teacher)], teacher, "/params/teacher_place")
        self.embed = build_embedding(self.params.embed, width, wanted)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over B D of (s - t)^2, s through the linear layer where there is one."""
        mine = self.embed(pool_vectors(student[Place(self.params.student_place)]))
        wanted = pool_vectors(teacher[Place(self.params.teacher_place)].detach())
        return functional.mse_loss(mine, wanted)
