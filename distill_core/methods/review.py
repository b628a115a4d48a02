"""ReviewKD: each level of the teacher teaches the student's level and all deeper ones, fused from deep to shallow.

Pengguang Chen, Shu Liu, Hengshuang Zhao, Jiaya Jia: "Distilling Knowledge via Knowledge Review", CVPR 2021
(arXiv 2104.09044). Formula and start values are the authors' code. Sizes are those of the maps at hand, where theirs
are lists typed a pair of models. The places are theirs on CIFAR-100: the student's stages after the ReLU, the teacher's
in front of it, and both pooled vectors, which are maps of 1x1 here; on ImageNet they take the student's in front of the
ReLU too. The teacher works with its running statistics; their script on CIFAR-100 leaves it in training mode. The
method is about maps and vectors, so tokens of transformers are refused.

Shapes: B batch, C channels, H height, W width, M channels inside of the chain, D features of a vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import Problem, SpecError
from distill_core.hcl import hierarchical_context_loss
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Paths, auto_places
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class ReviewParams(Config):
    """Options of knowledge review."""

    student_places: Paths = auto_places(
        "student", "stages+pooled", "Maps of the student, and vectors, from shallow to deep."
    )
    teacher_places: Paths = auto_places(
        "teacher", "stages.pre+pooled", "Maps of the teacher, and vectors, each the partner of one."
    )
    max_channels: int = Field(
        default=512,
        ge=1,
        le=65_536,
        description="Channels inside of the chain at most; as many as the student's deepest place has if those are "
        "fewer.",
    )


class ABF(nn.Module):
    """Attention-based fusion of a map with what comes from the next deeper level.

    Args:
        channels: of the student's map.
        width: channels of what goes through the chain.
        wanted: channels of the teacher's map.
        is_deepest: whether there is no deeper level.
    """

    def __init__(self, channels: int, width: int, wanted: int, *, is_deepest: bool) -> None:
        super().__init__()
        self.narrow = _build_convolution(channels, width, kernel_size=1)
        self.attention = None if is_deepest else nn.Conv2d(2 * width, 2, 1)
        self.widen = _build_convolution(width, wanted, kernel_size=3)

    def forward(self, x: Tensor, deeper: Tensor | None, size: torch.Size) -> tuple[Tensor, Tensor]:
        """Return the map for the teacher [B C H W] and what goes on to the next shallower level [B M H W].

        x' = narrow(x), d = deeper at the size of x', (a, b) = sigmoid(attention([x' d])) [B 2 H W]: widen(a x' + b d).
        """
        fused: Tensor = self.narrow(x)
        if self.attention is not None and deeper is not None:
            deeper = _resize(deeper, fused.shape[2:])
            mine, others = self.attention(torch.cat([fused, deeper], 1)).sigmoid().chunk(2, dim=1)
            fused = mine * fused + others * deeper
        fused = _resize(fused, size)
        return self.widen(fused), fused


@METHODS.register("review")
class Review(Term[ReviewParams]):
    """Hierarchical context loss between the student's fused levels and the teacher's."""

    Params = ReviewParams
    needs = Needs(teacher=True, smallest_batch=2)
    use = (
        "Among the strongest feature methods for CNNs: each level of the student learns from the teacher's and "
        "those below; adapts to unequal sizes."
    )

    @classmethod
    def places(cls, params: ReviewParams) -> Places:
        """Return the levels of both."""
        return Places(tuple(map(Place, params.student_places)), tuple(map(Place, params.teacher_places)))

    def build(self, setting: Setting) -> None:
        """Make a fusion a level; refuse what is neither map nor vector."""
        student = [setting.student[Place(path)] for path in self.params.student_places]
        teacher = [setting.teacher[Place(path)] for path in self.params.teacher_places]
        _check_shapes(student, "student", self.params.student_places)
        _check_shapes(teacher, "teacher", self.params.teacher_places)
        width = min(self.params.max_channels, student[-1][1])
        self.levels = nn.ModuleList(
            ABF(mine[1], width, other[1], is_deepest=number == len(student))
            for number, (mine, other) in enumerate(zip(student, teacher, strict=True), start=1)
        )

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return sum over levels of HCL(abf_i(f_s^i, f_s^i+1, ...), f_t^i), HCL the hierarchical context loss."""
        deeper, losses = None, []
        levels = zip(self.levels, self.params.student_places, self.params.teacher_places, strict=True)
        for fuse, mine, other in reversed(list(levels)):
            wanted = _as_map(teacher[Place(other)].detach())
            reviewed, deeper = fuse(_as_map(student[Place(mine)]), deeper, wanted.shape[2:])
            losses.append(hierarchical_context_loss(reviewed, wanted))
        return torch.stack(losses).sum()


def _build_convolution(channels: int, wanted: int, kernel_size: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels, wanted, kernel_size, padding=kernel_size // 2, bias=False)
    nn.init.kaiming_uniform_(convolution.weight, a=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(wanted))


def _as_map(x: Tensor) -> Tensor:
    """Return a map as it is, a vector [B D] as map [B D 1 1]."""
    return x if x.dim() == 4 else x[:, :, None, None]


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    return x if x.shape[2:] == size else functional.interpolate(x, tuple(size), mode="nearest")


def _check_shapes(shapes: Sequence[torch.Size], role: str, paths: Sequence[str]) -> None:
    for number, (shape, path) in enumerate(zip(shapes, paths, strict=True)):
        if len(shape) not in {2, 4}:
            message = f"{path!r} of the {role} gives {list(shape[1:])} a sample, but a review takes maps and vectors"
            pointer = f"/params/{role}_places/{number}"
            raise SpecError([Problem(pointer, "shape_unfit", message, path, "a map [C H W] or a vector [D]")])
