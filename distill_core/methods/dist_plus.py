"""DIST+: correlations instead of distances, of the predictions and of the last maps.

Tao Huang, Shan You, Fei Wang, Chen Qian, Chang Xu: "DIST+: Knowledge Distillation From a Stronger Adaptive Teacher",
TPAMI 47(7), 2025, doi 10.1109/TPAMI.2025.3554235 (we know of no arXiv id), an extension of "Knowledge Distillation from
A Stronger Teacher", NeurIPS 2022 (arXiv 2205.10536). Of the four parts `inter` and `intra` are those of the earlier
paper, `channel` and `spatial` bring the same idea to maps. We have them from torchdistill's configuration and code,
which adds `channel` with the wrong sign: it rewards maps that are opposite. Here every part is what a correlation lacks
to 1. The paper also lets the teacher acclimate to the student, by its abstract to reduce the discrepancy between both;
we know no formula of it. A teacher learns nothing in a term, and what the recipe `dist_plus` offers in its place is
ours. Ours as well: a 1x1 convolution of the student's map where the channels differ, averages to the smaller of two
sizes, and that what does not vary at all correlates with nothing and gets no gradient. With several processes
correlations over the batch are those of the whole batch.

Shapes: B batch, K classes, C channels, H height, W width, L tokens, N positions (H W or L).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.distributed import gather_rows
from distill_core.errors import Problem, SpecError
from distill_core.logits import soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import LOGITS, Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

SMALLEST_LENGTH = 1e-8


class DISTPlusParams(Config):
    """Options of DIST+."""

    student_place: Path = auto_place("student", "last", "The student's last map.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map.")
    temperature: float = Field(
        default=1.0, gt=0, le=1000, description="Divides the logits of both before the softmax; larger is softer."
    )
    standardise: bool = Field(
        default=False, description="Give the logits of both mean 0 and deviation 1 a sample first (Sun et al. 2024)."
    )
    embed: Literal["auto", "conv1x1", "none"] = Field(
        default="auto", description="1x1 convolution on the student's map; auto: where the channels differ."
    )


@METHODS.register("dist_plus")
class DISTPlus(Term[DISTPlusParams]):
    """What correlations of predictions and of maps lack to 1, in four parts."""

    Params = DISTPlusParams
    needs = Needs(teacher=True, same_classes=True, smallest_batch=2)
    use = (
        "Where dist helps and the last maps have equal positions: correlations of features beside those of predictions."
    )

    @classmethod
    def places(cls, params: DISTPlusParams) -> Places:
        """Return logits and last maps of both."""
        return Places((LOGITS, Place(params.student_place)), (LOGITS, Place(params.teacher_place)))

    def build(self, setting: Setting) -> None:
        """Make the convolution where one is needed, and refuse what has no positions in common."""
        student = setting.student[Place(self.params.student_place)]
        teacher = setting.teacher[Place(self.params.teacher_place)]
        _check_shapes(self.params, student, teacher)
        mine, wanted = (shape[1] if len(shape) == 4 else shape[2] for shape in (student, teacher))
        kind = self.params.embed
        if kind == "none" and mine != wanted:
            message = f"the student's map has {mine} channels and the teacher's {wanted}"
            raise SpecError([Problem("/params/embed", "shape_unfit", message, kind, ("auto", "conv1x1"))])
        # Over channels in a line a convolution of width 1 is the 1x1 convolution of a map.
        self.embed = nn.Conv1d(mine, wanted, 1) if kind == "conv1x1" or mine != wanted else nn.Identity()

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return what the correlations r lack to 1 on average, of p = softmax(z / T) and maps f [B C N].

        `inter` T^2 (1 - mean over B of r(p_s, p_t) over K), `intra` T^2 (1 - mean over K of r over B), `channel`
        1 - mean over B N of r(f_s, f_t) over C, `spatial` 1 - mean over N of r(sum_C f_s, sum_C f_t) over B.
        """
        temperature = self.params.temperature
        mine, wanted = (
            soften(logits, temperature, standardise=self.params.standardise).exp()
            for logits in (student[LOGITS], teacher[LOGITS].detach())
        )
        maps = self._lay_out(student, teacher)
        sums = [gather_rows(x.sum(1)) for x in maps]
        return {
            "inter": temperature**2 * _lack(mine, wanted, over=1),
            "intra": temperature**2 * _lack(gather_rows(mine), gather_rows(wanted), over=0),
            "channel": _lack(*maps, over=1),
            "spatial": _lack(*sums, over=0),
        }

    def _lay_out(self, student: Activations, teacher: Activations) -> tuple[Tensor, Tensor]:
        """Return both maps [B C N], of equal channels and positions."""
        mine: Tensor = student[Place(self.params.student_place)]
        wanted: Tensor = teacher[Place(self.params.teacher_place)].detach()
        if mine.ndim == 3:
            mine, wanted = mine.mT, wanted.mT
        else:
            size = min(mine.shape[2], wanted.shape[2]), min(mine.shape[3], wanted.shape[3])
            mine, wanted = (
                (x if tuple(x.shape[2:]) == size else functional.adaptive_avg_pool2d(x, size)).flatten(2)
                for x in (mine, wanted)
            )
        return self.embed(mine), wanted


def _lack(x: Tensor, y: Tensor, *, over: int) -> Tensor:
    """Return 1 - the mean correlation of two tensors over a dimension."""
    return 1 - (_standardise(x, over) * _standardise(y, over)).sum(over).mean()


def _standardise(x: Tensor, over: int) -> Tensor:
    """Return deviations from the mean with length 1 over a dimension, zero where there are none."""
    deviation = x - x.mean(over, keepdim=True)
    length = torch.linalg.vector_norm(deviation, dim=over, keepdim=True)
    return torch.where(length > SMALLEST_LENGTH, deviation / length.clamp_min(SMALLEST_LENGTH), 0.0)


def _check_shapes(params: DISTPlusParams, student: torch.Size, teacher: torch.Size) -> None:
    are_tokens = len(student) == len(teacher) == 3 and student[1] == teacher[1]
    if not are_tokens and not len(student) == len(teacher) == 4:
        message = (
            f"{params.student_place!r} of the student gives {list(student[1:])} and {params.teacher_place!r} of the "
            f"teacher {list(teacher[1:])}, which have no positions in common"
        )
        allowed = "maps [C H W] of both, or as many tokens [L C] of both"
        raise SpecError([Problem("/params/student_place", "shape_unfit", message, params.student_place, allowed)])
