"""Variational information distillation: the student's maps shall tell as much as they can about the teacher's.

Sungsoo Ahn, Shell Xu Hu, Andreas Damianou, Neil D. Lawrence, Zhenwen Dai: "Variational Information Distillation for
Knowledge Transfer", CVPR 2019 (arXiv 1904.05835). A lower bound of the mutual information: the likelihood of the
teacher's map under a normal distribution with a learned mean, three 1x1 convolutions of the student's map, and a
learned variance a channel. The constant log(2 pi) / 2 is left out, so the loss can be negative. The variances learn
with the rest; mdistiller's are in no list of parameters and stay as they are. The convolutions between are as wide as
the teacher's map, as in RepDistiller and mdistiller. Maps of unequal size are average-pooled to the smaller first, as
there. Every pair of places is a part of its own, `place1` on. Tokens of transformers go through linear layers in the
same way; both must have as many.

Shapes: B batch, C channels, H height, W width, P positions (pixels or tokens), L tokens, D features.
"""

from __future__ import annotations

from functools import partial
from math import exp, log

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.maps import check_positions, flatten_positions, pool_to_smaller
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class VIDParams(Config):
    """Options of variational information distillation."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student.")
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, one for each of the student's.")
    initial_variance: float = Field(default=5.0, ge=0.01, le=100, description="Variance of every channel at first.")
    epsilon: float = Field(default=1e-5, gt=0, le=1e-3, description="Least variance of a channel.")
    width_ratio: float = Field(
        default=1.0, gt=0, le=8, description="Channels between the convolutions, as a share of the teacher's."
    )

    @property
    def partners(self) -> list[tuple[str, str]]:
        """Place of the student and place of the teacher, each."""
        return list(zip(self.student_places, self.teacher_places, strict=True))


@METHODS.register("vid")
class VID(Term[VIDParams]):
    """Negative log-likelihood of the teacher's maps, given the student's."""

    Params = VIDParams
    needs = Needs(teacher=True)
    use = "Where layers should match and one does not know how well: each channel learns its own tolerance."

    @classmethod
    def places(cls, params: VIDParams) -> Places:
        """Return the maps of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Make a mean and the variances of each pair of places."""
        self.means, self.rhos = nn.ModuleList(), nn.ParameterList()
        rho = log(exp(self.params.initial_variance - self.params.epsilon) - 1)
        for number, (mine, others) in enumerate(self.params.partners):
            student, teacher = setting.student[Place(mine)], setting.teacher[Place(others)]
            check_positions(student, teacher, f"/params/student_places/{number}", mine)
            mean, channels = _build_mean(student, teacher, self.params.width_ratio)
            self.means.append(mean)
            self.rhos.append(nn.Parameter(torch.full((channels,), rho)))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return, a pair of places, mean over B C H W of ((mu(f_s) - f_t)^2 / v + log v) / 2.

        v = softplus(rho) + epsilon a channel of the teacher.
        """
        losses = {}
        for number, (mine, others) in enumerate(self.params.partners):
            given, wanted = pool_to_smaller(student[Place(mine)], teacher[Place(others)].detach())
            error = flatten_positions(self.means[number](given)) - flatten_positions(wanted)
            variance = functional.softplus(self.rhos[number])[:, None] + self.params.epsilon
            losses[f"place{number + 1}"] = (error.square() / variance + variance.log()).mean() / 2
        return losses


def _build_mean(student: torch.Size, teacher: torch.Size, width_ratio: float) -> tuple[nn.Module, int]:
    """Return three 1x1 convolutions, or of tokens linear layers, and the channels that they give."""
    axis = 1 if len(student) == 4 else 2
    before, after = student[axis], teacher[axis]
    between = max(1, round(after * width_ratio))
    kind = partial(nn.Conv2d, kernel_size=1) if len(student) == 4 else nn.Linear
    layers = [
        kind(before, between, bias=False),
        nn.ReLU(),
        kind(between, between, bias=False),
        nn.ReLU(),
        kind(between, after, bias=False),
    ]
    return nn.Sequential(*layers), after
