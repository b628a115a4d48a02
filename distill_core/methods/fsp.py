"""FSP: the student imitates how features flow through the teacher, as products of the maps at both ends of a module.

Junho Yim, Donggyu Joo, Jihoon Bae, Junmo Kim: "A Gift from Knowledge Distillation: Fast Optimization, Network
Minimization and Transfer Learning", CVPR 2017 (arXiv 2006.05525 reviews it; it has no id of its own). In the paper a
stage of its own, in front of learning from the labels. Where the two maps of a pair differ in size the larger one is
max-pooled, as in the paper and torchdistill; RepDistiller takes averages (`average`). The paper sums squares over the
matrix and averages over the batch (`frobenius`); the default averages over the matrix too, as RepDistiller does;
torchdistill sums the lengths of the matrix' columns, not squared (`column_norm`). Every pair is a part of its own,
`pair1` on, so that the paper's weights per pair can be given.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import PathPairs, auto_pairs, list_pairs
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class FSPParams(Config):
    """Options of FSP."""

    student_pairs: PathPairs = auto_pairs("student", "pairs", "First and last map of each module of the student.")
    teacher_pairs: PathPairs = auto_pairs("teacher", "pairs", "First and last map of each module of the teacher.")
    pool: Literal["max", "average"] = Field(
        default="max", description="How the larger map of a pair is brought to the size of the smaller one."
    )
    reduction: Literal["mean_square", "frobenius", "column_norm"] = Field(
        default="mean_square",
        description="Of the difference of two matrices: mean of squares, sum of squares, or sum of column lengths; "
        "each averaged over the batch.",
    )

    @property
    def partners(self) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """Pair of the student and pair of the teacher, each."""
        return list(zip(list_pairs(self.student_pairs), list_pairs(self.teacher_pairs), strict=True))


@METHODS.register("fsp")
class FSP(Term[FSPParams]):
    """Difference between the flow matrices of student and teacher."""

    Params = FSPParams
    needs = Needs(teacher=True)
    use = "Where student and teacher have equal channels stage by stage, as ResNets of other depth."

    @classmethod
    def places(cls, params: FSPParams) -> Places:
        """Return the maps of all pairs."""
        return Places(_list_places(params.student_pairs), _list_places(params.teacher_pairs))

    def build(self, setting: Setting) -> None:
        """Refuse pairs whose matrices differ in shape."""
        for number, (mine, others) in enumerate(self.params.partners):
            student = [setting.student[Place(name)] for name in mine]
            teacher = [setting.teacher[Place(name)] for name in others]
            if any(len(shape) != 4 for shape in student + teacher) or _channels(student) != _channels(teacher):
                message = (
                    f"{' and '.join(mine)} of the student give {_word(student)}, {' and '.join(others)} of the "
                    f"teacher {_word(teacher)}"
                )
                allowed = "maps [C H W] with as many channels in the student as in the teacher"
                pointer = f"/params/student_pairs/{number}"
                raise SpecError([Problem(pointer, "shape_unfit", message, list(mine), allowed)])

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return, a pair, the distance of G(f_s, g_s) to G(f_t, g_t), where G(f, g)_ij = mean over H W of f_i g_j."""
        losses = {}
        for number, (mine, others) in enumerate(self.params.partners, start=1):
            flow = _compute_flow(student, mine, self.params.pool)
            with torch.no_grad():
                wanted = _compute_flow(teacher, others, self.params.pool)
            losses[f"pair{number}"] = self._reduce(flow - wanted)
        return losses

    def _reduce(self, difference: Tensor) -> Tensor:
        match self.params.reduction:
            case "mean_square":
                return difference.square().mean()
            case "frobenius":
                return difference.square().sum() / len(difference)
            case "column_norm":
                lengths: Tensor = torch.linalg.vector_norm(difference, dim=1)
                return lengths.sum() / len(difference)


def _list_places(pairs: PathPairs) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(Place(name) for pair in list_pairs(pairs) for name in pair))


def _compute_flow(activations: Activations, pair: tuple[str, str], pool: str) -> Tensor:
    """Return the products of two maps averaged over the pixels [B C C']."""
    maps: list[Tensor] = [activations[Place(name)] for name in pair]
    size = min(x.shape[2] for x in maps), min(x.shape[3] for x in maps)
    resize = functional.adaptive_max_pool2d if pool == "max" else functional.adaptive_avg_pool2d
    first, last = (x if x.shape[2:] == size else resize(x, size) for x in maps)
    return first.flatten(2) @ last.flatten(2).mT / (size[0] * size[1])


def _channels(shapes: list[torch.Size]) -> list[int]:
    return [shape[1] for shape in shapes]


def _word(shapes: list[torch.Size]) -> str:
    return " and ".join(str(list(shape[1:])) for shape in shapes)
