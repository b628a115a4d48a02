"""ICKD: the student imitates how the channels of the teacher's last map correlate, sample by sample.

Li Liu, Qingle Huang, Sihao Lin, Hongwei Xie, Bing Wang, Xiaojun Chang, Xiaodan Liang: "Exploring Inter-Channel
Correlation for Diversity-Preserved Knowledge Distillation", ICCV 2021 (arXiv 2202.03680). This is ICKD-C, for
classification. The authors' code for CIFAR embeds the student's map by a 1x1 convolution and BatchNorm and divides the
sum of squares by batch and channels; it also builds an embedding of the teacher that nothing uses. That for ImageNet,
and torchdistill after it, takes a 3x3 convolution and divides by the batch once more, so that the loss falls with the
batch (`torchdistill`; with several processes the batch is that of all of them). The convolution in front of BatchNorm
has no bias, which would change nothing.

Correlations are as large as the channels are many, so that maps of unequal size and tokens of transformers, whose
features are the channels, can be compared.

Shapes: B batch, C channels, H height, W width, L tokens, N positions (H W or L).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.distributed import current_world
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class ICKDParams(Config):
    """Options of ICKD."""

    student_place: Path = auto_place("student", "last", "The student's last map.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map.")
    embedding: Literal["conv1x1", "conv3x3", "none"] = Field(
        default="conv1x1", description="Convolution that gives the student's map the teacher's channels, or none."
    )
    batch_norm: bool = Field(default=True, description="Whether BatchNorm follows the convolution.")
    reduction: Literal["official", "torchdistill"] = Field(
        default="official",
        description="Sum of squares over batch and channels, B C, or (torchdistill) over B C and the batch again.",
    )


@METHODS.register("ickd")
class ICKD(Term[ICKDParams]):
    """Squared difference between the correlations of channels in student and teacher."""

    Params = ICKDParams
    needs = Needs(teacher=True)
    use = "Where what matters is how channels go together, not where in the picture; last map, weight about 2.5."

    @classmethod
    def places(cls, params: ICKDParams) -> Places:
        """Return the last maps of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the embedding, and refuse what has no channels over positions."""
        student, teacher = self.params.student_place, self.params.teacher_place
        mine, others = setting.student[Place(student)], setting.teacher[Place(teacher)]
        channels = _count_channels(mine, student, "student_place"), _count_channels(others, teacher, "teacher_place")
        self.embed = self._build_embedding(channels, is_map=len(mine) == 4)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return sum (G_s - G_t)^2 / (B C), G [B C C] = f f^T with rows of length 1, f [B C N] embedded or as it is."""
        mine = _correlate(self.embed(_move_channels(student[Place(self.params.student_place)])))
        wanted = _correlate(_move_channels(teacher[Place(self.params.teacher_place)].detach()))
        loss = (mine - wanted).square().sum() / (mine.shape[0] * mine.shape[1])
        if self.params.reduction == "official":
            return loss
        return loss / (mine.shape[0] * current_world().size)

    def _build_embedding(self, channels: tuple[int, int], *, is_map: bool) -> nn.Module:
        kind, wanted = self.params.embedding, channels[1]
        if (kind == "none" and channels[0] != wanted) or (kind == "conv3x3" and not is_map):
            message = f"{kind!r} does not turn the student's {channels[0]} channels into the teacher's {wanted}"
            if kind == "conv3x3":
                message = "a 3x3 convolution needs a map, and the student's place gives tokens"
            raise SpecError([Problem("/params/embedding", "shape_unfit", message, kind, ("conv1x1",))])
        if kind == "none":
            return nn.Identity()
        size = 3 if kind == "conv3x3" else 1
        convolution, norm = (nn.Conv2d, nn.BatchNorm2d) if is_map else (nn.Conv1d, nn.BatchNorm1d)
        embedding = nn.Sequential(convolution(*channels, size, padding=size // 2, bias=not self.params.batch_norm))
        return embedding.append(norm(wanted)) if self.params.batch_norm else embedding


def _move_channels(x: Tensor) -> Tensor:
    """Return maps [B C H W] as they are, tokens [B L C] as [B C L]."""
    return x.mT if x.ndim == 3 else x


def _correlate(x: Tensor) -> Tensor:
    """Return the products of channels [B C C] of [B C ...], with rows of length 1."""
    flat = x.flatten(2)
    return functional.normalize(flat @ flat.mT, dim=2)


def _count_channels(shape: tuple[int, ...], place: str, option: str) -> int:
    if len(shape) not in {3, 4}:
        message = f"{place!r} gives {list(shape[1:])} a sample, but channels correlate over positions"
        allowed = "maps [C H W] or tokens [L C]"
        raise SpecError([Problem(f"/params/{option}", "shape_unfit", message, place, allowed)])
    return shape[1] if len(shape) == 4 else shape[2]
