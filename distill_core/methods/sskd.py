"""SSKD: the student tells turned images from one another, and classifies them, as the teacher does.

Guodong Xu, Ziwei Liu, Xiaoxiao Li, Chen Change Loy: "Knowledge Distillation Meets Self-Supervision", ECCV 2020
(arXiv 2006.07114). Two terms for two stages: `sskd_head` trains a head on the teacher's representation to find the
image that a turned one was made of, `sskd` takes it over and trains the student with a head of its own, in two parts:
`tf`, the class probabilities of turned images, and `ss`, the probabilities that a turned image was made of each image.
Formulas are the authors' code; its cross-entropy and soft targets of the images as they are, are the terms `ce` and
`kd`. Images are turned after all else was done to them and go through a model together with the originals, so that
BatchNorm's statistics are those of all. Of rows that the teacher has equally wrong the first ones of the batch are
kept, which the code leaves open. With several processes the batch is that of all of them.

Shapes: B batch, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from math import prod

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.distributed import gather_rows
from distill_core.errors import Problem, SpecError
from distill_core.logits import soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch, Inputs
from distill_core.term import Needs, Places, Setting, Term

HEAD = "sskd_head"
TURNED = "turned"
NUM_TURNS = 3
COSINE_EPSILON = 1e-8
TURNED_LOGITS = Place("logits", view=TURNED)


class SSKDHeadParams(Config):
    """Options of the training of the teacher's head."""

    teacher_place: Path = auto_place("teacher", "pooled", "The teacher's representation.")


class SSKDParams(Config):
    """Options of the student's training."""

    student_place: Path = auto_place("student", "pooled", "The student's representation.")
    teacher_place: Path = auto_place("teacher", "pooled", "The representation that the teacher's head was trained on.")
    tf_temperature: float = Field(default=4.0, gt=0, le=1000, description="Divides the logits of turned images.")
    ss_temperature: float = Field(default=0.5, gt=0, le=1000, description="Divides the similarities.")
    tf_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share that is kept of the turned images that the teacher classifies wrongly.",
    )
    ss_ratio: float = Field(
        default=0.75, ge=0, le=1, description="Share that is kept of those whose original the teacher does not find."
    )


class Head(nn.Sequential):
    """Two linear layers of equal width with a ReLU between them.

    Args:
        size: length of the representation.
    """

    def __init__(self, size: int) -> None:
        super().__init__(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size))
        self.size = size


@METHODS.register("sskd_head")
class SSKDHead(Term[SSKDHeadParams]):
    """First stage of SSKD: a head on the teacher's representation finds the image that a turned one was made of."""

    Params = SSKDHeadParams
    needs = Needs(teacher=True, smallest_batch=2)
    use = "Before sskd, once a teacher."
    exports = (HEAD,)
    prepared = (TURNED,)

    @classmethod
    def places(cls, params: SSKDHeadParams) -> Places:
        """Return the teacher's representation of images and turned images; the student is not needed."""
        return Places(teacher=_both(params.teacher_place))

    def prepare(self, batch: Batch) -> Mapping[str, Inputs]:
        """Return every image [B C H W] turned by 90, 180 and 270 degrees [3B C H W]."""
        return {TURNED: _turn(batch)}

    def build(self, setting: Setting) -> None:
        """Make the head, as wide as the teacher's representation."""
        self.head = Head(prod(setting.teacher[Place(self.params.teacher_place)][1:]))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over 3B of -log softmax_j(cos(h(x_i), h(y_j))) at j = i // 3, x turned images, y originals."""
        originals, turned = (teacher[place].detach() for place in _both(self.params.teacher_place))
        similarities = _compare(self.head, originals, turned)
        return functional.cross_entropy(similarities, _find_originals(similarities))

    def exported(self) -> Mapping[str, nn.Module]:
        """Return the head."""
        return {HEAD: self.head}


@METHODS.register("sskd")
class SSKD(Term[SSKDParams]):
    """Second stage of SSKD: the student's predictions and similarities of turned images imitate the teacher's."""

    Params = SSKDParams
    needs = Needs(teacher=True, same_classes=True, smallest_batch=2)
    use = "Where training may cost four times as much: turned images say more than the labels; good with few labels."
    imports = (HEAD,)
    prepared = (TURNED,)

    @classmethod
    def needs_of(cls, params: SSKDParams) -> Needs:
        """Return labels only where they say which of the teacher's predictions are left out."""
        return Needs(teacher=True, same_classes=True, smallest_batch=2, labels=params.tf_ratio < 1)

    @classmethod
    def places(cls, params: SSKDParams) -> Places:
        """Return the logits of turned images, and the representations of images and turned images, of both."""
        return Places(
            (TURNED_LOGITS, *_both(params.student_place)),
            (TURNED_LOGITS, *_both(params.teacher_place)),
        )

    def prepare(self, batch: Batch) -> Mapping[str, Inputs]:
        """Return every image [B C H W] turned by 90, 180 and 270 degrees [3B C H W]."""
        return {TURNED: _turn(batch)}

    def build(self, setting: Setting) -> None:
        """Make the student's head, and take over the teacher's, which learns no more."""
        head = setting.imports.get(HEAD)
        size = prod(setting.teacher[Place(self.params.teacher_place)][1:])
        if not isinstance(head, Head):
            message = "no earlier stage has trained the teacher's head"
            raise SpecError([Problem("", "module_missing", message, HEAD, "a stage with `sskd_head` before")])
        if head.size != size:
            place = self.params.teacher_place
            message = f"the teacher's head knows representations of length {head.size}, but {place!r} gives {size}"
            allowed = "the teacher and the place that `sskd_head` was trained with"
            raise SpecError([Problem("/params/teacher_place", "shape_unfit", message, place, allowed)])
        self.head_teacher = deepcopy(head).requires_grad_(requires_grad=False)
        self.head_student = Head(prod(setting.student[Place(self.params.student_place)][1:]))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return T^2 KL(softmax(x_t / T) || softmax(x_s / T)), the mean over the rows that are kept, of two x [3B ...].

        In `tf` x are the logits of turned images, in `ss` cosines of h(turned) and h(original) [3B B]. All rows are
        kept where the teacher's largest entry is the true one, and of the others those where it has the best ranks.
        """
        params = self.params
        mine, wanted = gather_rows(student[TURNED_LOGITS]), gather_rows(teacher[TURNED_LOGITS].detach())
        are_kept = torch.ones(len(wanted), dtype=torch.bool, device=wanted.device)
        if params.tf_ratio < 1:
            are_kept = _choose(wanted, _spread(_find_classes(batch)), params.tf_ratio)
        classes = _imitate(mine, wanted, are_kept, params.tf_temperature)
        mine = _compare(self.head_student, *(student[place] for place in _both(params.student_place)))
        with torch.no_grad():
            wanted = _compare(self.head_teacher, *(teacher[place] for place in _both(params.teacher_place)))
        are_kept = _choose(wanted, _find_originals(wanted), params.ss_ratio)
        return {"tf": classes, "ss": _imitate(mine, wanted, are_kept, params.ss_temperature)}


def _both(path: str) -> tuple[Place, Place]:
    """Return a place for images and for turned images."""
    return Place(path), Place(path, view=TURNED)


def _turn(batch: Batch) -> Tensor:
    """Return the turned images [3B C H W]; those of one image follow one another."""
    (images,) = batch.inputs.values()
    if not isinstance(images, Tensor) or images.dim() != 4 or images.shape[2] != images.shape[3]:
        form = list(images.shape[1:]) if isinstance(images, Tensor) else type(images).__name__
        message = f"only square images can be turned, and the samples are {form}"
        raise SpecError([Problem("", "shape_unfit", message, None, "images [C H W] with H equal to W")])
    return torch.stack([images.rot90(turns, (2, 3)) for turns in range(1, NUM_TURNS + 1)], dim=1).flatten(0, 1)


def _compare(head: nn.Module, originals: Tensor, turned: Tensor) -> Tensor:
    """Return the cosines of the projections of turned images [3B D] and of originals [B D], [3B B]."""
    rows = [functional.normalize(head(x.flatten(1)), dim=1, eps=COSINE_EPSILON) for x in (turned, originals)]
    return gather_rows(rows[0]) @ gather_rows(rows[1]).mT


def _find_originals(similarities: Tensor) -> Tensor:
    """Return the column of the image that each turned one was made of [3B]."""
    return _spread(torch.arange(similarities.shape[1], device=similarities.device))


def _find_classes(batch: Batch) -> Tensor:
    """Return the class of each sample [B], the likeliest one where labels are probabilities."""
    labels: Tensor = batch.labels if batch.labels.dim() == 1 else batch.labels.argmax(1)
    return gather_rows(labels)


def _spread(values: Tensor) -> Tensor:
    """Return what belongs to images [B] for their turned ones [3B]."""
    return values.repeat_interleave(NUM_TURNS)


def _choose(scores: Tensor, truth: Tensor, ratio: float) -> Tensor:
    """Return which rows of scores are kept [3B]: those that are right, and a share of the others, the best first."""
    ranks = (scores > scores.gather(1, truth[:, None])).sum(1)
    num_wrong = (ranks > 0).sum()
    num_kept = len(ranks) - num_wrong + (num_wrong.double() * ratio).long()
    return ranks.argsort(stable=True).argsort() < num_kept


def _imitate(mine: Tensor, wanted: Tensor, are_kept: Tensor, temperature: float) -> Tensor:
    """Return T^2 times the divergence of the softened rows, averaged over those that are kept."""
    log_student, log_teacher = soften(mine, temperature), soften(wanted, temperature)
    rows = functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(1)
    return (rows * are_kept).sum() / are_kept.sum().clamp_min(1) * temperature**2
