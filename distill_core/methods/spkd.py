"""Similarity-preserving distillation: samples that look alike to the teacher shall look alike to the student.

Frederick Tung, Greg Mori: "Similarity-Preserving Knowledge Distillation", ICCV 2019 (arXiv 1907.09682). The paper's
weight is 3000 on the mean over B^2. Rows of the similarities have length 1 in the Euclidean norm, as in the paper;
torchdistill's have sum 1 of absolute values (`l1`). With several processes the batch is that of all of them.

Shapes: B batch, D features.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.distributed import gather_rows
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term


class SPKDParams(Config):
    """Options of similarity-preserving distillation."""

    student_place: Path = auto_place("student", "last", "The student's last map, or any other.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map, or any other.")
    row_norm: Literal["l2", "l1"] = Field(default="l2", description="Norm that each row of similarities is divided by.")


@METHODS.register("spkd")
class SPKD(Term[SPKDParams]):
    """Squared difference between the similarities of the batch's samples in student and teacher."""

    Params = SPKDParams
    needs = Needs(teacher=True, smallest_batch=2)
    use = "Cheap relations of the last maps, for nets of any form; larger batches say more."

    @classmethod
    def places(cls, params: SPKDParams) -> Places:
        """Return the last maps of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over B^2 of (G_s - G_t)^2, G = F F^T with rows of length 1, F [B D] the flattened features."""
        mine = self._compare_samples(student[Place(self.params.student_place)])
        wanted = self._compare_samples(teacher[Place(self.params.teacher_place)].detach())
        return functional.mse_loss(mine, wanted)

    def _compare_samples(self, features: Tensor) -> Tensor:
        rows = gather_rows(features.flatten(1))
        return functional.normalize(rows @ rows.mT, p=2.0 if self.params.row_norm == "l2" else 1.0, dim=1)
