"""Factor transfer: the student imitates a paraphrase of the teacher's last map instead of the map.

Jangho Kim, SeongUk Park, Nojun Kwak: "Paraphrasing Complex Network: Network Compression via Factor Transfer",
NeurIPS 2018 (arXiv 1802.04977). Two terms for two stages: `ft_paraphraser` trains an auto-encoder on the teacher's map,
`ft` takes its encoder over and trains the student with a translator. The default is the authors' code: mean absolute
difference of the flattened factors, each of length 1, no BatchNorm. RepDistiller compares the maps' mean squared
channels (`attention`) and gives the translator BatchNorm; torchdistill gives it to neither by default, sums the
reconstruction's squares (`sum`), and with power 2 takes the length of a sample's difference (`norm`). Factors of
unequal size are average-pooled to the smaller, as in RepDistiller.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.distributed import current_world
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.paraphraser import Paraphraser, stack_convolutions
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

PARAPHRASER = "paraphraser"


class ParaphraserParams(Config):
    """Options of the paraphraser's training."""

    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map.")
    rate: float = Field(default=0.5, gt=0, le=4, description="Channels of the factor, as a share of the map's.")
    batch_norm: bool = Field(default=False, description="Whether BatchNorm follows each convolution.")
    reduction: Literal["mean", "sum"] = Field(
        default="mean", description="Mean of the squared differences over all elements, or their sum over the batch."
    )


class FTParams(Config):
    """Options of factor transfer."""

    student_place: Path = auto_place("student", "last", "The student's last map.")
    teacher_place: Path = auto_place("teacher", "last", "The map of the teacher that the paraphraser was trained on.")
    batch_norm: bool = Field(default=False, description="Whether BatchNorm follows each convolution.")
    factor: Literal["flat", "attention"] = Field(
        default="flat", description="What is compared: the whole factor, or the mean over channels of its squares."
    )
    power: Literal[1, 2] = Field(default=1, description="Power p of the absolute difference: 1 or 2.")
    reduction: Literal["mean", "norm"] = Field(
        default="mean",
        description="Mean of the powers over all elements, or mean over the batch of the difference's p-norm.",
    )


@METHODS.register("ft_paraphraser")
class FTParaphraser(Term[ParaphraserParams]):
    """First stage of factor transfer: reconstructs the teacher's last map from a narrow code."""

    Params = ParaphraserParams
    needs = Needs(teacher=True)
    use = "Before ft, once a teacher."
    exports = (PARAPHRASER,)

    @classmethod
    def places(cls, params: ParaphraserParams) -> Places:
        """Return the teacher's last map; the student is not needed."""
        return Places(teacher=(Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the paraphraser for the teacher's channels."""
        shape = setting.teacher[Place(self.params.teacher_place)]
        _check_map(shape, self.params.teacher_place, "teacher_place")
        num_factors = max(1, int(shape[1] * self.params.rate))
        self.paraphraser = Paraphraser(shape[1], num_factors, batch_norm=self.params.batch_norm)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean (p(f_t) - f_t)^2 over B C H W, or the sum."""
        original = teacher[Place(self.params.teacher_place)].detach()
        loss = functional.mse_loss(self.paraphraser(original), original, reduction=self.params.reduction)
        return loss * current_world().size if self.params.reduction == "sum" else loss

    def exported(self) -> Mapping[str, nn.Module]:
        """Return the paraphraser."""
        return {PARAPHRASER: self.paraphraser}


@METHODS.register("ft")
class FT(Term[FTParams]):
    """Second stage of factor transfer: the student's translated map imitates the teacher's factor."""

    Params = FTParams
    needs = Needs(teacher=True)
    use = (
        "Where the last maps differ in form: both are compared in a narrow code; the weight depends on the code's size."
    )
    imports = (PARAPHRASER,)

    @classmethod
    def places(cls, params: FTParams) -> Places:
        """Return the last maps of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the translator, and take over the paraphraser, which learns no more."""
        student = setting.student[Place(self.params.student_place)]
        teacher = setting.teacher[Place(self.params.teacher_place)]
        _check_map(student, self.params.student_place, "student_place")
        _check_map(teacher, self.params.teacher_place, "teacher_place")
        paraphraser = _find_paraphraser(setting, teacher, self.params.teacher_place)
        self.paraphraser = deepcopy(paraphraser.encoder).requires_grad_(requires_grad=False).eval()
        widths = (student[1], student[1], paraphraser.num_factors, paraphraser.num_factors)
        self.translator = stack_convolutions(nn.Conv2d, widths, batch_norm=self.params.batch_norm)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the translator; the paraphraser stays in evaluation mode."""
        super().train(mode)
        if PARAPHRASER in self._modules:
            self.paraphraser.eval()
        return self

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean |u(T(f_s)) - u(E(f_t))|^p, u(x) = x / |x|_2 a sample, or mean over B of (sum |...|^p)^(1/p)."""
        mine: Tensor = self.translator(student[Place(self.params.student_place)])
        with torch.no_grad():
            wanted: Tensor = self.paraphraser(teacher[Place(self.params.teacher_place)])
        size = min(mine.shape[2], wanted.shape[2]), min(mine.shape[3], wanted.shape[3])
        difference = self._normalise(mine, size) - self._normalise(wanted, size)
        if self.params.reduction == "norm":
            lengths: Tensor = torch.linalg.vector_norm(difference, self.params.power, dim=1)
            return lengths.mean()
        return difference.abs().pow(self.params.power).mean()

    def _normalise(self, factor: Tensor, size: tuple[int, int]) -> Tensor:
        if tuple(factor.shape[2:]) != size:
            factor = functional.adaptive_avg_pool2d(factor, size)
        compared = factor if self.params.factor == "flat" else factor.square().mean(1)
        return functional.normalize(compared.flatten(1), dim=1)


def _check_map(shape: torch.Size, place: str, option: str) -> None:
    if len(shape) != 4:
        message = f"{place!r} gives {list(shape[1:])} a sample, but factor transfer takes a map [C H W]"
        raise SpecError([Problem(f"/params/{option}", "shape_unfit", message, place)])


def _find_paraphraser(setting: Setting, shape: torch.Size, place: str) -> Paraphraser:
    """Return the paraphraser of an earlier stage, which must know maps of this shape."""
    found = setting.imports.get(PARAPHRASER)
    if not isinstance(found, Paraphraser):
        message = "no earlier stage has trained a paraphraser"
        raise SpecError([Problem("", "module_missing", message, PARAPHRASER, "a stage with `ft_paraphraser` before")])
    if found.channels != shape[1]:
        message = f"the paraphraser knows maps of {found.channels} channels, but {place!r} gives {shape[1]}"
        allowed = "the teacher and the place that `ft_paraphraser` was trained with"
        raise SpecError([Problem("/params/teacher_place", "shape_unfit", message, place, allowed)])
    return found
