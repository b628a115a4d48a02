"""KTAAD: a compact segmentation network adapts to a code of the teacher's map, and to which of its pixels are alike.

Tong He, Chunhua Shen, Zhi Tian, Dong Gong, Changming Sun, Youliang Yan: "Knowledge Adaptation for Efficient Semantic
Segmentation", CVPR 2019 (arXiv 1903.04688). Two terms for two stages: `ktaad_autoencoder` learns a narrow code of the
teacher's map, `ktaad` takes its encoder over and gives two parts, `kta` (the map itself, weight 50) and `ad` (its
affinity, weight 1), each through an adapter of its own on the student's map. Layers and weights are torchdistill's: 3x3
convolutions with BatchNorm and LeakyReLU, a 3x3 convolution as affinity adapter, one with BatchNorm and ReLU as feature
adapter. Its affinity relates the pixels of each channel apart (`per_channel`); the paper's is one of the pixels' whole
vectors (`pixels`). We know no code of the authors, and the paper's affinity by its description alone, so the default is
the form whose code and result are published. Neither is ever written out in full, H W x H W.

Any maps [B C H W] will do; in the paper they are the last before the upsampling. Where the student's differs in size
from the teacher's code, the larger is average-pooled to the smaller. Maps alone.

Shapes: B batch, C channels, H height, W width, P = H W pixels.
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
from distill_core.maps import check_map, pool_to_smaller
from distill_core.methods import METHODS
from distill_core.paraphraser import Paraphraser
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term

AUTOENCODER = "autoencoder"


class AutoencoderParams(Config):
    """Options of the auto-encoder's training."""

    teacher_place: Path = auto_place("teacher", "last", "The teacher's map.")
    rate: float = Field(default=0.5, gt=0, le=4, description="Channels of the code, as a share of the map's.")
    batch_norm: bool = Field(default=True, description="Whether BatchNorm follows each convolution.")
    sparsity: float = Field(
        default=1e-7, ge=0, le=1, description="Weight of the sum of the absolute values of the batch's codes."
    )


class KTAADParams(Config):
    """Options of knowledge adaptation."""

    student_place: Path = auto_place("student", "last", "The student's map.")
    teacher_place: Path = auto_place("teacher", "last", "The map of the teacher that the auto-encoder was trained on.")
    affinity: Literal["per_channel", "pixels"] = Field(
        default="per_channel",
        description="Likeness of two pixels: the product of their values in each channel, each channel of length 1; or "
        "the cosine of their vectors.",
    )


@METHODS.register("ktaad_autoencoder")
class KTAADAutoencoder(Term[AutoencoderParams]):
    """First stage of knowledge adaptation: reconstructs the teacher's map from a narrow, sparse code."""

    Params = AutoencoderParams
    needs = Needs(teacher=True)
    use = "Before ktaad, once a teacher."
    exports = (AUTOENCODER,)

    @classmethod
    def places(cls, params: AutoencoderParams) -> Places:
        """Return the teacher's map; the student is not needed."""
        return Places(teacher=(Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the auto-encoder for the teacher's channels."""
        shape = setting.teacher[Place(self.params.teacher_place)]
        check_map(shape, "/params/teacher_place", self.params.teacher_place)
        num_factors = max(1, int(shape[1] * self.params.rate))
        self.autoencoder = Paraphraser(shape[1], num_factors, batch_norm=self.params.batch_norm)

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean (D(E(f_t)) - f_t)^2 over B C H W + sparsity * sum of |E(f_t)| over the whole batch."""
        original = teacher[Place(self.params.teacher_place)].detach()
        code = self.autoencoder.encoder(original)
        error = functional.mse_loss(self.autoencoder.decoder(code), original)
        length: Tensor = code.abs().sum() * current_world().size
        return error + self.params.sparsity * length

    def exported(self) -> Mapping[str, nn.Module]:
        """Return the auto-encoder."""
        return {AUTOENCODER: self.autoencoder}


@METHODS.register("ktaad")
class KTAAD(Term[KTAADParams]):
    """Second stage of knowledge adaptation: the student's adapted maps imitate the teacher's code and its affinity."""

    Params = KTAADParams
    needs = Needs(teacher=True)
    use = "For dense prediction: knowledge of a segmentation teacher in a narrow code, and affinities between pixels."
    imports = (AUTOENCODER,)

    @classmethod
    def places(cls, params: KTAADParams) -> Places:
        """Return the maps of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make both adapters, and take over the encoder, which learns no more."""
        student = setting.student[Place(self.params.student_place)]
        teacher = setting.teacher[Place(self.params.teacher_place)]
        check_map(student, "/params/student_place", self.params.student_place)
        check_map(teacher, "/params/teacher_place", self.params.teacher_place)
        autoencoder = _find_autoencoder(setting, teacher, self.params.teacher_place)
        self.encoder = deepcopy(autoencoder.encoder).requires_grad_(requires_grad=False).eval()
        count = autoencoder.num_factors
        convolution = nn.Conv2d(student[1], count, 3, padding=1)
        self.feature_adapter = nn.Sequential(convolution, nn.BatchNorm2d(count), nn.ReLU())
        self.affinity_adapter = nn.Conv2d(student[1], count, 3, padding=1)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the adapters; the encoder stays in evaluation mode."""
        super().train(mode)
        if "encoder" in self._modules:
            self.encoder.eval()
        return self

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return kta = mean |u(A(f_s)) - u(E(f_t))| over B C H W and ad = mean over B of sum_c |S_c - T_c|_F / (H W).

        u(x) = x / |x|_2 a sample; S_c = v v^T, v the pixels of channel c of the other adapter's map, of length 1, T_c
        that of E(f_t). With `pixels` S = V^T V instead, V [C P] the vectors of the pixels, each of length 1.
        """
        given = student[Place(self.params.student_place)]
        with torch.no_grad():
            code = self.encoder(teacher[Place(self.params.teacher_place)])
        mine, wanted = (_normalise(x) for x in pool_to_smaller(self.feature_adapter(given), code))
        maps = pool_to_smaller(self.affinity_adapter(given), code)
        return {"kta": functional.l1_loss(mine, wanted), "ad": self._compare_affinities(*maps)}

    def _compare_affinities(self, x: Tensor, y: Tensor) -> Tensor:
        axis = 2 if self.params.affinity == "per_channel" else 1
        mine, wanted = (functional.normalize(z.flatten(2), dim=axis) for z in (x, y))
        if self.params.affinity == "pixels":
            return _measure(mine, wanted).mean() / mine.shape[2]
        return _measure(mine[:, :, None], wanted[:, :, None]).sum(1).mean() / mine.shape[2]


def _normalise(x: Tensor) -> Tensor:
    return functional.normalize(x.flatten(1), dim=1)


def _measure(x: Tensor, y: Tensor) -> Tensor:
    """Return the Frobenius norm of x^T x - y^T y for x, y [... C P], in memory for C C numbers.

    With a = x - y and b = x + y the difference is (a^T b + b^T a) / 2, whose square is
    (<a a^T, b b^T> + <a b^T, b a^T>) / 2; unlike the difference of the norms it loses no digits where x is close to y.
    """
    a, b = x - y, x + y
    squares = (a @ a.mT) * (b @ b.mT)
    crossed = a @ b.mT
    total = (squares + crossed * crossed.mT).sum((-2, -1)) / 2
    return total.clamp_min(torch.finfo(total.dtype).tiny).sqrt()  # at 0 the root has no derivative


def _find_autoencoder(setting: Setting, shape: torch.Size, place: str) -> Paraphraser:
    """Return the auto-encoder of an earlier stage, which must know maps of this shape."""
    found = setting.imports.get(AUTOENCODER)
    if not isinstance(found, Paraphraser):
        message = "no earlier stage has trained an auto-encoder"
        allowed = "a stage with `ktaad_autoencoder` before"
        raise SpecError([Problem("", "module_missing", message, AUTOENCODER, allowed)])
    if found.channels != shape[1]:
        message = f"the auto-encoder knows maps of {found.channels} channels, but {place!r} gives {shape[1]}"
        allowed = "the teacher and the place that `ktaad_autoencoder` was trained with"
        raise SpecError([Problem("/params/teacher_place", "shape_unfit", message, place, allowed)])
    return found
