"""Relational distillation: distances and angles between the student's samples are those between the teacher's.

Wonpyo Park, Dongju Kim, Yan Lu, Minsu Cho: "Relational Knowledge Distillation", CVPR 2019 (arXiv 1904.05068). Formulas
are those of the authors' code; `distance` and `angle` are parts with weights of their own, 1 and 2 in the paper, 25 and
50 on CIFAR-100. RepDistiller's is the same, mmrazor's brings the representations to length 1 first (`normalise`), and
torchdistill's takes the flattened last map (`student_place`, `teacher_place`). Two samples that the student gives one
and the same representation have no angle, hence no gradient, where the published code has one of 1e12. Angles are
compared a few vertices at a time and computed again in the backward pass where they are many: memory grows with B^2,
time with B^3. With several processes the batch is that of all of them.

Shapes: B batch, D features, V vertices.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from distill_core.distance import measure_distances
from distill_core.distributed import gather_rows
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term

EPSILON = 1e-12
CHUNK_ELEMENTS = 2**24
"""Angles, or elements of differences, that are held at a time, 64 MiB in float32."""


class RKDParams(Config):
    """Options of relational distillation."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")
    relations: Literal["both", "distance", "angle"] = Field(
        default="both", description="What is compared: distances of pairs, angles of triplets, or both."
    )
    normalise: bool = Field(default=False, description="Bring the representations of both to length 1 first.")


@METHODS.register("rkd")
class RKD(Term[RKDParams]):
    """Differences between the distances and angles among the batch's samples in student and teacher."""

    Params = RKDParams
    needs = Needs(teacher=True, smallest_batch=3)
    use = "For metric learning and pooled vectors of any sizes: distances and angles; beside kd for classification."

    @classmethod
    def places(cls, params: RKDParams) -> Places:
        """Return the representations of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return mean over B^2 of h(d_ij / mean d) and mean over B^3 of h(cos of the angle at i between j and k).

        h is Huber's loss (smooth L1) between student and teacher; the mean of d leaves out what is 0.
        """
        mine = self._gather(student[Place(self.params.student_place)])
        wanted = self._gather(teacher[Place(self.params.teacher_place)].detach())
        losses = {}
        if self.params.relations != "angle":
            losses["distance"] = functional.smooth_l1_loss(_scale_distances(mine), _scale_distances(wanted))
        if self.params.relations != "distance":
            losses["angle"] = _compare_angles(mine, wanted)
        return losses

    def _gather(self, features: Tensor) -> Tensor:
        rows = features.flatten(1)
        return gather_rows(functional.normalize(rows, dim=1) if self.params.normalise else rows)


def _scale_distances(rows: Tensor) -> Tensor:
    """Return the distances between rows [B D], divided by the mean of those that are not 0, [B B]."""
    distances = measure_distances(rows)
    mean = distances.sum() / (distances > 0).sum().clamp_min(1)
    return distances / mean.clamp_min(EPSILON)


def _compare_angles(mine: Tensor, wanted: Tensor, limit: int = CHUNK_ELEMENTS) -> Tensor:
    """Return the mean of Huber's loss over all angles between rows of the student and of the teacher [B D]."""
    count = len(mine)
    size = max(1, limit // (count * max(count, mine.shape[1], wanted.shape[1])))
    compare: Callable[..., Any] = _sum_differences
    if size < count:
        compare = partial(checkpoint, _sum_differences, use_reentrant=False, preserve_rng_state=False)
    parts = [compare(*vertices, mine, wanted) for vertices in zip(mine.split(size), wanted.split(size), strict=True)]
    return torch.stack(parts).sum() / count**3


def _sum_differences(own_vertices: Tensor, wanted_vertices: Tensor, mine: Tensor, wanted: Tensor) -> Tensor:
    """Return the sum of Huber's loss over the angles at some vertices [V D]."""
    angles = _find_angles(own_vertices, mine)
    return functional.smooth_l1_loss(angles, _find_angles(wanted_vertices, wanted), reduction="sum")


def _find_angles(vertices: Tensor, rows: Tensor) -> Tensor:
    """Return the cosines of the angles at each vertex [V D] between every two rows [B D], [V B B]."""
    differences = rows - vertices[:, None]
    lengths = torch.linalg.vector_norm(differences, dim=2, keepdim=True)
    unit: Tensor = differences / lengths.masked_fill(lengths == 0, 1)
    return unit @ unit.mT
