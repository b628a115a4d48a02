"""Attention transfer: the student looks where the teacher looks, that is, is active at the same pixels.

Sergey Zagoruyko, Nikos Komodakis: "Paying More Attention to Attention: Improving the Performance of Convolutional
Neural Networks via Attention Transfer", ICLR 2017 (arXiv 1612.03928). The attention of a map is the mean over its
channels of the squares, of length 1 a sample. The paper's formula and the authors' code differ, and the weight of 1000
belongs to the code: it averages the squared difference over batch and pixels (`code`, the default); the paper takes
half the length of the difference (`paper`), torchdistill's form of that name the whole length (`length`), both averaged
over the batch. KD_Lib leaves the mean over channels out (`channels: kept`). Maps of unequal size are average-pooled to
the smaller, as in RepDistiller and mdistiller. Every pair of places is a part of its own, `place1` on. The paper knows
maps alone; of transformers the attention is that over tokens, which both must have in equal number.

Shapes: B batch, C channels, H height, W width, L tokens, D features.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.errors import Problem, SpecError
from distill_core.maps import check_positions, flatten_positions, pool_to_smaller
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class ATParams(Config):
    """Options of attention transfer."""

    student_places: Paths = auto_places("student", "stages", "Maps of the student.")
    teacher_places: Paths = auto_places("teacher", "stages", "Maps of the teacher, one for each of the student's.")
    form: Literal["code", "paper", "length"] = Field(
        default="code",
        description="Of the difference of two attentions: the mean of its squares, half its length, or its length.",
    )
    power: int = Field(default=2, ge=1, le=8, description="Power of the absolute activations.")
    channels: Literal["mean", "kept"] = Field(
        default="mean", description="Whether the powers are averaged over the channels or compared channel by channel."
    )

    @property
    def partners(self) -> list[tuple[str, str]]:
        """Place of the student and place of the teacher, each."""
        return list(zip(self.student_places, self.teacher_places, strict=True))


@METHODS.register("at")
class AT(Term[ATParams]):
    """Difference between the attentions of student and teacher."""

    Params = ATParams
    needs = Needs(teacher=True)
    use = "Cheap help from several layers, for maps of any number of channels; beside kd with half its usual weight."

    @classmethod
    def places(cls, params: ATParams) -> Places:
        """Return the maps of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Refuse pairs whose attentions cannot be compared."""
        for number, (mine, others) in enumerate(self.params.partners):
            student, teacher = setting.student[Place(mine)], setting.teacher[Place(others)]
            pointer = f"/params/student_places/{number}"
            check_positions(student, teacher, pointer, mine)
            channels = [shape[1 if len(shape) == 4 else 2] for shape in (student, teacher)]
            if self.params.channels == "kept" and channels[0] != channels[1]:
                message = f"{mine!r} of the student has {channels[0]} channels, {others!r} of the teacher {channels[1]}"
                raise SpecError([Problem(pointer, "shape_unfit", message, mine, "equal channels, or `channels: mean`")])

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return, a pair of places, mean (q_s - q_t)^2 over B H W, or mean over B of |q_s - q_t|_2 (or half of it).

        q = a / |a|_2 a sample, a = mean over C of |f|^power.
        """
        losses = {}
        for number, (mine, others) in enumerate(self.params.partners, start=1):
            maps = pool_to_smaller(student[Place(mine)], teacher[Place(others)].detach())
            attention, wanted = map(self._attend, maps)
            losses[f"place{number}"] = self._reduce(attention - wanted)
        return losses

    def _attend(self, x: Tensor) -> Tensor:
        """Return where a map or tokens are active, a unit vector a sample."""
        powers = flatten_positions(x).abs().pow(self.params.power)
        attention = powers.mean(1) if self.params.channels == "mean" else powers.flatten(1)
        return functional.normalize(attention, dim=1)

    def _reduce(self, difference: Tensor) -> Tensor:
        if self.params.form == "code":
            return difference.square().mean()
        length: Tensor = torch.linalg.vector_norm(difference, dim=1).mean()
        return length / 2 if self.params.form == "paper" else length
