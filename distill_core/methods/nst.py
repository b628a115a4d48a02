"""Neuron selectivity transfer: the student's channels are distributed over the picture as the teacher's are.

Zehao Huang, Naiyan Wang: "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer", 2017
(arXiv 1707.01219). Each channel is a sample: the unit vector of its activations over the pixels. The squared maximum
mean discrepancy of both samples under the polynomial kernel (x y)^2, the paper's best, does not ask for equal channels
and does not see their order. It is computed from matrix products of channels, in memory for B C_s C_t numbers, where
RepDistiller and mdistiller hold H W times as many; the value is theirs. Maps of unequal size are average-pooled to the
smaller, as there. Of transformers a feature's activations over the tokens are a sample; both must have as many tokens.

Shapes: B batch, C channels, H height, W width, P positions (pixels or tokens), L tokens, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from distill_core.maps import check_positions, flatten_positions, pool_to_smaller
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class NSTParams(Config):
    """Options of neuron selectivity transfer."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student.")
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, one for each of the student's.")

    @property
    def partners(self) -> list[tuple[str, str]]:
        """Place of the student and place of the teacher, each."""
        return list(zip(self.student_places, self.teacher_places, strict=True))


@METHODS.register("nst")
class NST(Term[NSTParams]):
    """Discrepancy between the distributions of the channels of student and teacher."""

    Params = NSTParams
    needs = Needs(teacher=True)
    use = "For maps of equal size whose channels need no counterpart; its cost grows with the square of the channels."

    @classmethod
    def places(cls, params: NSTParams) -> Places:
        """Return the maps of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Refuse pairs whose positions cannot be compared."""
        for number, (mine, others) in enumerate(self.params.partners):
            shapes = setting.student[Place(mine)], setting.teacher[Place(others)]
            check_positions(*shapes, f"/params/student_places/{number}", mine)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return, summed over the pairs of places, mean k(t, t) + mean k(s, s) - 2 mean k(s, t), k(x, y) = (x y)^2.

        s and t are the channels [P] of a sample, each of length 1; the means are over B and all pairs of channels.
        """
        losses = []
        for mine, others in self.params.partners:
            maps = pool_to_smaller(student[Place(mine)], teacher[Place(others)].detach())
            channels, wanted = (functional.normalize(flatten_positions(x), dim=2) for x in maps)
            own = _compare(wanted, wanted) + _compare(channels, channels)
            losses.append(own - 2 * _compare(channels, wanted))
        return torch.stack(losses).sum()


def _compare(x: Tensor, y: Tensor) -> Tensor:
    """Return the mean kernel of all pairs of channels [B C P] of a sample."""
    return (x @ y.mT).square().mean()
