"""OFD: the student imitates the teacher's maps in front of the ReLU, as far as they say something useful.

Byeongho Heo, Jeesoo Kim, Sangdoo Yun, Hyojin Park, Nojun Kwak, Jin Young Choi: "A Comprehensive Overhaul of Feature
Distillation", ICCV 2019 (arXiv 1904.01866). The teacher's values below a margin a channel are raised to it, and nothing
is asked of a student whose value lies below a target that is not positive. The margin is the mean of the negative
values of a normal distribution with the mean and deviation that the teacher's last BatchNorm gives a channel; -3
deviations where less than a thousandth is negative. The student's map goes through a 1x1 convolution without bias and
BatchNorm. The deepest layer counts whole, each in front of it half as much as the next; the authors' factors, 1/1000 on
CIFAR-100 and 1/10000 on ImageNet, are left to the weight of the term.

The authors' loss function sums over the batch (`sum`), and their training loop divides by B (`batchmean`, as mdistiller
does). A teacher's map of another size is pooled by averages to the student's, as in mdistiller; the authors' pairs have
equal sizes. Both take the teacher in training mode, so that its statistics move; here it stays as it is. The method is
about maps and BatchNorm, so tokens of transformers are refused.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.connector import build_connector
from distill_core.distributed import current_world
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import MAX_PLACES, Path, Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

RARE = 0.001
"""Share of negative values up to which a channel's margin is not taken from them."""


class OFDParams(Config):
    """Options of overhauled feature distillation."""

    student_places: Paths = auto_places(
        "student", "stages.pre", "Maps of the student in front of the activation, from shallow to deep."
    )
    teacher_places: Paths = auto_places("teacher", "stages.pre", "Those of the teacher, each the partner of one.")
    teacher_norms: tuple[Path, ...] = Field(
        default=(),
        max_length=MAX_PLACES,
        description="Module paths of the BatchNorms that stand before the activations at the teacher's places; left "
        "out: the model says.",
    )
    reduction: Literal["batchmean", "sum"] = Field(
        default="batchmean", description="Of the squared differences: their sum over the batch's size, or their sum."
    )


@METHODS.register("ofd")
class OFD(Term[OFDParams]):
    """Partial squared difference between connected maps of the student and the teacher's, raised to a margin."""

    Params = OFDParams
    needs = Needs(teacher=True)
    use = "Strong for ResNets with BatchNorm: positive responses of the teacher, a margin for the negative ones."

    @classmethod
    def places(cls, params: OFDParams) -> Places:
        """Return the maps in front of the activations of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Make a connector a layer, and take the margins from the teacher's BatchNorms."""
        if setting.copy_teacher is None or setting.find_norm is None:
            raise SpecError(
                [Problem("", "teacher_missing", "margins come from a teacher's weights, and there is none")]
            )
        norms = _find_norms(self.params, setting.find_norm)
        self.connectors = nn.ModuleList()
        pairs = zip(self.params.student_places, self.params.teacher_places, strict=True)
        for number, (mine, other) in enumerate(pairs):
            student, teacher = setting.student[Place(mine)], setting.teacher[Place(other)]
            wanted = torch.Size([*teacher[:2], *student[2:]])
            connector = build_connector(student, wanted) if len(teacher) == 4 else None
            if connector is None:
                message = (
                    f"{mine!r} of the student gives {list(student[1:])} and {other!r} of the teacher "
                    f"{list(teacher[1:])} a sample"
                )
                pointer = f"/params/student_places/{number}"
                raise SpecError([Problem(pointer, "shape_unfit", message, mine, "maps [C H W]")])
            self.connectors.append(connector)
            margin = _take_margin(setting.copy_teacher(norms[number]), norms[number], other, teacher[1])
            self.register_buffer(f"margin{number}", margin)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return sum_i 2^-(L-1-i) / B sum (s - t')^2 where s > t' or t' > 0, t' = max(t, m), or without / B.

        s is the connected map of the student, i = 0 ... L-1 counts layers, the inner sum goes over B C H W.
        """
        losses = []
        places = zip(self.connectors, self.params.student_places, self.params.teacher_places, strict=True)
        for number, (connector, mine, other) in enumerate(places):
            x, target = connector(student[Place(mine)]), teacher[Place(other)].detach()
            if target.shape[2:] != x.shape[2:]:
                target = functional.adaptive_avg_pool2d(target, x.shape[2:])
            loss = partial_square(x, target, self.get_buffer(f"margin{number}"))
            losses.append(loss * current_world().size if self.params.reduction == "sum" else loss / len(x))
        return torch.stack([loss / 2**depth for depth, loss in enumerate(reversed(losses))]).sum()


def partial_square(x: Tensor, target: Tensor, margin: Tensor) -> Tensor:
    """Return sum (s - t')^2 where s > t' or t' > 0, t' = max(t, m), of maps [B C H W] and margins [1 C 1 1]."""
    raised = torch.maximum(target, margin.to(target.dtype))
    is_asked = (x > raised) | (raised > 0)
    return torch.where(is_asked, x - raised, 0).square().sum()


def compute_margin(weight: Tensor, bias: Tensor) -> Tensor:
    """Return E[x | x < 0], x ~ N(bias, |weight|), a channel [C]; -3 |weight| where x < 0 has hardly any chance."""
    mean, deviation = bias.detach().double(), weight.detach().double().abs()
    score = -mean / deviation.clamp_min(torch.finfo(torch.float32).tiny)
    share = torch.special.ndtr(score)
    density = torch.exp(-score.square() / 2) / math.sqrt(2 * math.pi)
    return torch.where(share > RARE, mean - deviation * density / share, -3 * deviation)


def _find_norms(params: OFDParams, find_norm: Callable[[str], str]) -> tuple[str, ...]:
    """Return the paths of the BatchNorms, those that were named or those that the model knows."""
    if params.teacher_norms:
        if len(params.teacher_norms) != len(params.teacher_places):
            count = f"{len(params.teacher_places)} paths, one a place of the teacher"
            message = f"{len(params.teacher_norms)} BatchNorms for {len(params.teacher_places)} places of the teacher"
            value = list(params.teacher_norms)
            raise SpecError([Problem("/params/teacher_norms", "places_unpaired", message, value, count)])
        return params.teacher_norms
    try:
        return tuple(map(find_norm, params.teacher_places))
    except SpecError as error:
        problems = [replace(problem, pointer="/params/teacher_norms") for problem in error.problems]
        raise SpecError(problems) from None


def _take_margin(norm: nn.Module, path: str, place: str, channels: int) -> Tensor:
    """Return the margins [1 C 1 1] of the teacher's BatchNorm at a path."""
    weight, bias = getattr(norm, "weight", None), getattr(norm, "bias", None)
    if not isinstance(norm, nn.BatchNorm2d) or weight is None or bias is None or len(weight) != channels:
        message = f"{path!r} of the teacher is {norm}, which gives no margins for the {channels} channels of {place!r}"
        allowed = f"a BatchNorm2d of {channels} channels with weight and bias"
        raise SpecError([Problem("/params/teacher_norms", "module_unfit", message, path, allowed)])
    return compute_margin(weight, bias).to(weight.dtype).reshape(1, -1, 1, 1)
