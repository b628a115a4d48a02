"""Simple feature distillation: all layers of the student imitate those of the teacher, element by element.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850), who
report that it fails. Text and code differ: by the text every map of the teacher is max-pooled to the student's size and
the mean squares of the differences are added up (`text`, the default). Their code max-pools each map to a vector, takes
the single largest absolute difference of the whole batch, and adds these up (`seed001`); its places are stem and
stages, before the ReLU. The same code has the squared difference of the concatenated stages (`concatenated`, weight
10), after Siqi Sun, Yu Cheng, Zhe Gan, Jingjing Liu: "Patient Knowledge Distillation for BERT Model Compression", EMNLP
2019 (arXiv 1908.09355). A teacher's map that is smaller is repeated by the same pooling. Maps alone.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.distributed import gather_rows
from distill_core.errors import Problem, SpecError
from distill_core.maps import check_map
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

EPSILON = 1e-6


class SFDParams(Config):
    """Options of simple feature distillation."""

    student_places: Paths = auto_places("student", "maps", "Maps of the student.")
    teacher_places: Paths = auto_places("teacher", "maps", "Maps of the teacher, one for each of the student's.")
    form: Literal["text", "seed001", "concatenated"] = Field(
        default="text",
        description="Mean squares of the maps, added up; the largest difference of the pooled maps, added up; or the "
        "mean square of all maps in one row.",
    )

    @property
    def partners(self) -> list[tuple[str, str]]:
        """Place of the student and place of the teacher, each."""
        return list(zip(self.student_places, self.teacher_places, strict=True))


@METHODS.register("sfd")
class SFD(Term[SFDParams]):
    """Plain difference between all maps of student and teacher."""

    Params = SFDParams
    needs = Needs(teacher=True)
    use = "As a baseline of layer matching without connectors, for nets of equal channels."

    @classmethod
    def places(cls, params: SFDParams) -> Places:
        """Return the maps of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Refuse what is no map, and maps of unequal channels."""
        for number, (mine, others) in enumerate(self.params.partners):
            student, teacher = setting.student[Place(mine)], setting.teacher[Place(others)]
            check_map(student, f"/params/student_places/{number}", mine)
            check_map(teacher, f"/params/teacher_places/{number}", others)
            if student[1] != teacher[1]:
                message = f"{mine!r} of the student has {student[1]} channels, {others!r} of the teacher {teacher[1]}"
                allowed = "maps of equal channels; the term `fitnet` learns a convolution between others"
                raise SpecError([Problem(f"/params/student_places/{number}", "shape_unfit", message, mine, allowed)])

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return sum over layers of mean (f_s - f_t)^2, f_t max-pooled; or of max over B C of |p_s - p_t| + 1e-6.

        p is the maximum over H W. Concatenated: mean (f_s - f_t)^2 over all elements of all layers.
        """
        maps = [(student[Place(mine)], teacher[Place(others)].detach()) for mine, others in self.params.partners]
        if self.params.form == "seed001":
            return torch.stack([_find_largest(x, y) for x, y in maps]).sum()
        squares = [(x - _resize(y, x)).square() for x, y in maps]
        if self.params.form == "concatenated":
            return torch.cat([square.flatten(1) for square in squares], dim=1).mean()
        return torch.stack([square.mean() for square in squares]).sum()


def _resize(x: Tensor, like: Tensor) -> Tensor:
    """Return a map max-pooled to the size of another."""
    return x if x.shape[2:] == like.shape[2:] else functional.adaptive_max_pool2d(x, like.shape[2:])


def _find_largest(x: Tensor, y: Tensor) -> Tensor:
    """Return the largest difference of the maxima of two maps, over the channels and the batch of all ranks."""
    pooled, wanted = (z.flatten(2).max(2).values for z in (x, y))
    return gather_rows((pooled - wanted).abs().max(1).values).max() + EPSILON
