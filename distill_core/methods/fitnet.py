"""FitNets: a convolution on a hidden map of the student (guided layer) learns to give a map of the teacher (hint).

Adriana Romero, Nicolas Ballas, Samira Ebrahimi Kahou, Antoine Chassang, Carlo Gatta, Yoshua Bengio: "FitNets: Hints
for Thin Deep Nets", ICLR 2015 (arXiv 1412.6550). In the paper this is a stage of its own, in front of distillation;
as a term beside others in a single stage (weight 100) it is what RepDistiller does. There the regressor takes its form
from the sizes of the two maps and ends in BatchNorm and ReLU; torchdistill takes a 1x1 convolution with both and the
sum of squares (`conv1x1`, `sum`), PyTorch's tutorial a bare 3x3 convolution (`conv3x3`, no `batch_norm_relu`).
The paper knows maps alone; tokens of transformers go through a linear layer, which neither BatchNorm nor ReLU follows.

Shapes: B batch, C channels, H height, W width, L tokens, D features.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.connector import fit_convolution
from distill_core.distributed import current_world
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class FitNetParams(Config):
    """Options of hint training."""

    student_place: Path = auto_place("student", "middle", "Guided layer: a map of the student.")
    teacher_place: Path = auto_place("teacher", "middle", "Hint layer: a map of the teacher.")
    regressor: Literal["fitted", "conv1x1", "conv3x3", "none"] = Field(
        default="fitted",
        description="Convolution on the student's map; fitted: one that turns its size into the teacher's.",
    )
    batch_norm_relu: bool = Field(default=True, description="Whether BatchNorm and ReLU follow the convolution.")
    reduction: Literal["mean", "sum"] = Field(
        default="mean", description="Mean of the squared differences over all elements, or their sum over the batch."
    )


@METHODS.register("fitnet")
class FitNet(Term[FitNetParams]):
    """Squared difference between a map of the teacher and a learned convolution of one of the student."""

    Params = FitNetParams
    needs = Needs(teacher=True)
    use = (
        "As a start of deep thin students, in a stage of its own, or beside kd with one layer; any two maps, "
        "tokens too."
    )

    @classmethod
    def places(cls, params: FitNetParams) -> Places:
        """Return the guided layer and the hint layer."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the regressor, and refuse maps that it cannot bring to one shape."""
        params = self.params
        student = setting.student[Place(params.student_place)]
        teacher = setting.teacher[Place(params.teacher_place)]
        is_identity = params.regressor == "none" and student[1:] == teacher[1:]
        convolution = nn.Identity() if is_identity else _build_convolution(params.regressor, student, teacher)
        if convolution is None:
            message = (
                f"the regressor {params.regressor!r} cannot turn what {params.student_place!r} gives, "
                f"{list(student[1:])}, into what {params.teacher_place!r} gives, {list(teacher[1:])}"
            )
            allowed = "maps [C H W] of equal H and W, or with `fitted` the student's twice, half or larger; or tokens "
            allowed += "[L D] of equal L, with `fitted` or `conv1x1`"
            raise SpecError([Problem("/params/regressor", "shape_unfit", message, params.regressor, allowed)])
        self.regressor = nn.Sequential(convolution)
        if params.batch_norm_relu and not is_identity and len(student) == 4:
            self.regressor.extend([nn.BatchNorm2d(teacher[1]), nn.ReLU()])

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean (r(f_s) - f_t)^2 over B C H W (of tokens over B L D), or the sum."""
        hint = teacher[Place(self.params.teacher_place)].detach()
        guided = self.regressor(student[Place(self.params.student_place)])
        loss = functional.mse_loss(guided, hint, reduction=self.params.reduction)
        return loss * current_world().size if self.params.reduction == "sum" else loss


def _build_convolution(kind: str, student: torch.Size, teacher: torch.Size) -> nn.Module | None:
    """Return a convolution, or of tokens [B L D] a linear layer, that turns the one shape into the other.

    None where this kind cannot.
    """
    if kind in {"fitted", "conv1x1"} and len(student) == len(teacher) == 3 and student[1] == teacher[1]:
        return nn.Linear(student[2], teacher[2])
    if kind == "none" or len(student) != 4 or len(teacher) != 4:
        return None
    if kind == "fitted":
        return fit_convolution(student, teacher)
    if student[2:] != teacher[2:]:
        return None
    channels = student[1], teacher[1]
    return nn.Conv2d(*channels, 1) if kind == "conv1x1" else nn.Conv2d(*channels, 3, padding=1)
