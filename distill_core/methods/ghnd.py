"""Head network distillation: a head with a bottleneck learns to give what the teacher's gives, for split computing.

`hnd`: Yoshitomo Matsubara, Sabur Baidya, Davide Callegaro, Marco Levorato, Sameer Singh: "Distilled Split Deep Neural
Networks for Edge-Assisted Real-Time Systems", HotEdgeVideo at MobiCom 2019 (doi 10.1145/3349614.3356022): the map at
the end of the bottleneck alone, so that nothing behind it runs. `ghnd`: Yoshitomo Matsubara, Marco Levorato: "Neural
Compression and Filtering for Edge-assisted Real-time Object Detection in Challenged Networks", ICPR 2020
(arXiv 2007.15818): that and the maps behind it, which the student's frozen copy of the teacher's tail makes of it.
Squares are summed over the batch, as in both; `mean` averages them over all elements. Neither looks at labels. Each
place is a part of its own, `layer1` on, so that weights per layer can be given. Any tensors will do that have the same
shape in both.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.distributed import current_world
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, Paths, auto_place, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

Reduction = Literal["sum", "mean"]
REDUCTION = "Sum of the squared differences over the batch, or their mean over all elements."


class HNDParams(Config):
    """Options of head network distillation."""

    student_place: Path = auto_place("student", "first", "The end of the student's head.")
    teacher_place: Path = auto_place("teacher", "first", "The end of the teacher's head.")
    reduction: Reduction = Field(default="sum", description=REDUCTION)


class GHNDParams(Config):
    """Options of generalised head network distillation."""

    student_places: Paths = auto_places("student", "stages", "The end of the student's head, and layers behind it.")
    teacher_places: Paths = auto_places("teacher", "stages", "The same of the teacher.")
    reduction: Reduction = Field(default="sum", description=REDUCTION)


@METHODS.register("hnd")
class HND(Term[HNDParams]):
    """Squared difference between the ends of the heads of student and teacher."""

    Params = HNDParams
    needs = Needs(teacher=True)
    use = "For split computing: the part of the student up to the bottleneck imitates the teacher's."

    @classmethod
    def places(cls, params: HNDParams) -> Places:
        """Return the ends of both heads."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Refuse ends of different shape."""
        _check_shapes(setting, self.params.student_place, self.params.teacher_place, "/params/student_place")

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return sum over B C H W of (f_s - f_t)^2, or the mean."""
        return _differ(student, teacher, self.params.student_place, self.params.teacher_place, self.params.reduction)


@METHODS.register("ghnd")
class GHND(Term[GHNDParams]):
    """Squared differences between student and teacher at the end of the head and at layers behind it."""

    Params = GHNDParams
    needs = Needs(teacher=True)
    use = "For split computing: as hnd, but later layers, which are the teacher's own, judge as well."

    @classmethod
    def places(cls, params: GHNDParams) -> Places:
        """Return the layers of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Refuse layers of different shape."""
        for index, (mine, other) in enumerate(self._pairs):
            _check_shapes(setting, mine, other, f"/params/student_places/{index}")

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return, a layer, sum over B C H W of (f_s - f_t)^2, or the mean."""
        return {
            f"layer{number}": _differ(student, teacher, mine, other, self.params.reduction)
            for number, (mine, other) in enumerate(self._pairs, start=1)
        }

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        return list(zip(self.params.student_places, self.params.teacher_places, strict=True))


def _differ(student: Activations, teacher: Activations, mine: str, other: str, reduction: Reduction) -> Tensor:
    loss = functional.mse_loss(student[Place(mine)], teacher[Place(other)].detach(), reduction=reduction)
    return loss * current_world().size if reduction == "sum" else loss


def _check_shapes(setting: Setting, mine: str, other: str, pointer: str) -> None:
    student, teacher = setting.student[Place(mine)], setting.teacher[Place(other)]
    if student[1:] != teacher[1:]:
        message = f"{mine!r} of the student gives {list(student[1:])}, {other!r} of the teacher {list(teacher[1:])}"
        allowed = "places of one shape: the student is a copy of the teacher but for its head"
        raise SpecError([Problem(pointer, "shape_unfit", message, mine, allowed)])
