"""KD-SVD: the student imitates how the main directions of the teacher's maps change from one map to the next.

Seung Hyun Lee, Dae Ha Kim, Byung Cheol Song: "Self-supervised Knowledge Distillation Using Singular Value
Decomposition", ECCV 2018 (arXiv 1807.06819). The first right singular vectors of each map, the student's turned to
those of the teacher that they are most like, and scaled by the teacher's singular values; compared is a radial basis
function of consecutive maps. RepDistiller decomposes a map as H W x C, as the paper does (`repdistiller`, the default:
equal channels), mdistiller as C H x W (`mdistiller`: equal widths). Both bring the teacher's singular values to length
1, as the authors' TensorFlow code does, so that one vector keeps its length (`unit`); `raw` takes them as they are.

The derivative of a singular vector divides by differences of squared singular values. Published code lets torch do it
and zeroes what is not finite, so that a sample with two dead channels teaches nothing; here the derivative of the
wanted vectors is written out, needs no difference among those left out, and only quotients without a meaning are
zeroed.

Shapes: B batch, C channels, H height, W width, R rows and D columns of a decomposed map, n and k vectors.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.errors import Problem, SpecError
from distill_core.maps import check_map
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

SPREAD = 8
"""What the squared distances of the radial basis function are divided by."""


class KDSVDParams(Config):
    """Options of KD-SVD."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student, two at least.")
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, one for each of the student's.")
    form: Literal["repdistiller", "mdistiller"] = Field(
        default="repdistiller", description="Matrix that a map is decomposed as: H W x C, or C H x W."
    )
    num_vectors: int = Field(default=1, ge=1, le=64, description="Singular vectors of each map that are compared.")
    num_spare: int = Field(
        default=3, ge=0, le=64, description="Further vectors of the student among which partners are sought."
    )
    scale: Literal["unit", "raw"] = Field(
        default="unit", description="Whether the teacher's singular values are brought to length 1 first."
    )

    @property
    def partners(self) -> list[tuple[str, str]]:
        """Place of the student and place of the teacher, each."""
        return list(zip(self.student_places, self.teacher_places, strict=True))


@METHODS.register("kdsvd")
class KDSVD(Term[KDSVDParams]):
    """Difference between the ways in which main directions change from map to map in student and teacher."""

    Params = KDSVDParams
    needs = Needs(teacher=True)
    use = "To study relations of layers through singular vectors; slow, and its gradient is delicate."

    @classmethod
    def places(cls, params: KDSVDParams) -> Places:
        """Return the maps of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Refuse a single map, and maps whose singular vectors cannot be compared."""
        params = self.params
        if len(params.partners) < 2:
            message = "a single map has no next one to compare it with"
            raise SpecError([Problem("/params/student_places", "places_too_few", message, list(params.student_places))])
        for number, (mine, others) in enumerate(params.partners):
            student, teacher = setting.student[Place(mine)], setting.teacher[Place(others)]
            check_map(student, f"/params/student_places/{number}", mine)
            check_map(teacher, f"/params/teacher_places/{number}", others)
            rows, columns = zip(*(_count(shape, params.form) for shape in (student, teacher)), strict=True)
            if columns[0] != columns[1] or min(*rows, *columns) < params.num_vectors:
                message = f"{mine!r} of the student gives {list(student[1:])}, its partner {list(teacher[1:])}"
                axis = "channels" if params.form == "repdistiller" else "widths"
                allowed = f"maps [C H W] with equal {axis} and at least {params.num_vectors} singular vectors"
                raise SpecError([Problem(f"/params/student_places/{number}", "shape_unfit", message, mine, allowed)])

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return 1/B sum over consecutive maps a, b, and over i, j, k of (r(s) - r(t))^2.

        r(v) = exp(-(v_b,ik - v_a,jk)^2 / 8), of the k first right singular vectors v of student and teacher.
        """
        partners = self.params.partners
        vectors = [self._find_vectors(student[Place(mine)], teacher[Place(others)]) for mine, others in partners]
        losses = [
            (_relate(mine, last_mine) - _relate(wanted, last_wanted)).square().sum() / len(mine)
            for (last_mine, last_wanted), (mine, wanted) in pairwise(vectors)
        ]
        return torch.stack(losses).sum()

    def _find_vectors(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scaled singular vectors of student and teacher [B D k]."""
        params = self.params
        with torch.no_grad():
            wanted, values = _decompose(_as_matrix(teacher, params.form), params.num_vectors)
        vectors, _ = _decompose(_as_matrix(student, params.form), params.num_vectors + params.num_spare)
        scale = (functional.normalize(values, dim=1) if params.scale == "unit" else values)[:, None]
        return _align(vectors, wanted) * scale, wanted * scale


def _count(shape: torch.Size, form: str) -> tuple[int, int]:
    """Return the rows and columns of the matrix that a map is decomposed as."""
    _, channels, height, width = shape
    return (height * width, channels) if form == "repdistiller" else (channels * height, width)


def _as_matrix(x: Tensor, form: str) -> Tensor:
    """Return the matrices [B R D] that maps are decomposed as."""
    return x.flatten(2).mT if form == "repdistiller" else x.flatten(1, 2)


def _decompose(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the first right singular vectors [B D n] of matrices [B R D], and the singular values [B n].

    The vectors' derivative is that of perturbation theory: v_i moves by sum_j v_j (v_j dA v_i) / (s_i^2 - s_j^2) with
    A = x^T x, where the v_j that x does not reach have s_j = 0. What is added has the value 0.
    """
    with torch.no_grad():
        _, values, rows = torch.linalg.svd(x, full_matrices=False)
        basis, squares, first = rows.mT, values.square(), rows.mT[..., :count]
    push = x.mT @ (x @ first)
    push = push - push.detach()
    inside = basis.mT @ push
    floor = torch.finfo(x.dtype).eps * squares[:, :1, None]
    wanted = squares[:, None, :count]
    turned = basis @ (inside * _invert(wanted - squares[..., None], floor))
    outside = (push - basis @ inside) * _invert(wanted, floor)
    return first + turned + outside, values[:, :count]


def _invert(x: Tensor, floor: Tensor) -> Tensor:
    """Return 1 / x, and 0 where x is nothing but rounding."""
    is_known = x.abs() > floor
    return torch.where(is_known, x, 1).reciprocal() * is_known


def _align(vectors: Tensor, wanted: Tensor) -> Tensor:
    """Return, for each of the wanted vectors [B D k], the one of [B D n] that is most like it, turned its way."""
    cosines = vectors.mT @ wanted
    best = cosines.abs().argmax(1, keepdim=True)
    signs = cosines.detach().gather(1, best).sign()
    return vectors.gather(2, best.expand(-1, vectors.shape[1], -1)) * signs


def _relate(vectors: Tensor, last: Tensor) -> Tensor:
    """Return the radial basis function of the entries of two maps' vectors [B D D' k]."""
    return torch.exp(-(vectors[:, :, None] - last[:, None]).square() / SPREAD)
