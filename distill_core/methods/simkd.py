"""SimKD: the student learns to give the teacher's last map through a projector, and the teacher's classifier is reused.

Defang Chen, Jian-Ping Mei, Hailin Zhang, Can Wang, Yan Feng, Chun Chen: "Knowledge Distillation with the Reused Teacher
Classifier", CVPR 2022 (arXiv 2203.14001). The only loss: neither labels nor soft targets take part. What is validated
and handed on is the student up to its map, the projector and all that the teacher computes behind its own map, frozen:
the model `reused_classifier`. Of two maps the larger is average-pooled to the size of the smaller, as in the authors'
code. The paper knows maps alone.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.model import Model
from distill_core.models.reused_classifier import FACTS, ReusedClassifier, ReusedClassifierParams, build_projector
from distill_core.spec.config import Config
from distill_core.spec.place import Path, auto_place
from distill_core.split import take_head, take_tail
from distill_core.tap import Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class SimKDParams(Config):
    """Options of SimKD."""

    student_place: Path = auto_place("student", "last", "The student's last map.")
    teacher_place: Path = auto_place("teacher", "last", "The teacher's last map; what lies behind it is reused.")
    factor: int = Field(
        default=2, ge=1, le=64, description="Channels of the teacher's map divided by those inside of the projector."
    )


@METHODS.register("simkd")
class SimKD(Term[SimKDParams]):
    """Squared difference between a map of the teacher and a projection of one of the student."""

    Params = SimKDParams
    needs = Needs(teacher=True, same_classes=True)
    use = (
        "When a few more weights in the deployed student are allowed: it keeps the teacher's classifier and adds "
        "a projector."
    )

    classifier: nn.Module

    @classmethod
    def places(cls, params: SimKDParams) -> Places:
        """Return the last maps of both."""
        return Places((Place(params.student_place),), (Place(params.teacher_place),))

    def build(self, setting: Setting) -> None:
        """Make the projector, and take over what the teacher computes behind its map, which learns no more."""
        params = self.params
        student = _find_channels(setting.student, params.student_place, "student_place")
        teacher = _find_channels(setting.teacher, params.teacher_place, "teacher_place")
        self.projector = build_projector(student, teacher, params.factor)
        self._whole = _describe_whole(params, setting)
        if self._whole is not None and setting.copy_teacher is not None:
            _build_whole(self._whole)  # refuses what cannot be split or built again, before anything is trained
            self.classifier = take_tail(setting.copy_teacher(""), params.teacher_place, "/params/teacher_place").eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the projector; the teacher's classifier stays in evaluation mode."""
        super().train(mode)
        if "classifier" in self._modules:
            self.classifier.eval()
        return self

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over B C H W of (p(f_s) - f_t)^2."""
        mine: Tensor = student[Place(self.params.student_place)]
        wanted: Tensor = teacher[Place(self.params.teacher_place)].detach()
        size = min(mine.shape[2], wanted.shape[2]), min(mine.shape[3], wanted.shape[3])
        return functional.mse_loss(self.projector(_shrink(mine, size)), _shrink(wanted, size))

    def deployed(self, student: nn.Module) -> Model | None:
        """Return the student's encoder with projector and teacher's classifier; none where these are not known."""
        if self._whole is None:
            return None
        whole = _build_whole(self._whole)
        whole.encoder = take_head(student, self.params.student_place)
        whole.projector, whole.classifier = self.projector, self.classifier
        return whole


def _find_channels(shapes: Mapping[Place, torch.Size], place: str, option: str) -> int:
    shape = shapes[Place(place)]
    if len(shape) != 4:
        message = f"{place!r} gives {list(shape[1:])} a sample, but SimKD projects a map [C H W]"
        raise SpecError([Problem(f"/params/{option}", "shape_unfit", message, place)])
    return shape[1]


def _describe_whole(params: SimKDParams, setting: Setting) -> ReusedClassifierParams | None:
    """Return the options of the deployed model; none where the setting does not say what its ends are."""
    if setting.student_key is None or setting.teacher_key is None:
        return None
    (student, mine), (teacher, others) = setting.student_key, setting.teacher_key
    facts = {name: value for name, value in {**mine, **others}.items() if name in FACTS}
    if len(facts) < len(FACTS):
        message = f"only image classifiers can be put together again, and {student!r} or {teacher!r} is none"
        raise SpecError([Problem("", "model_unfit", message)])
    options: dict[str, Any] = {
        **params.as_document(),
        **facts,
        "student": student,
        "student_params": _without_facts(mine),
        "teacher": teacher,
        "teacher_params": _without_facts(others),
    }
    return ReusedClassifierParams.model_validate(options)


def _without_facts(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in FACTS}


def _build_whole(params: ReusedClassifierParams) -> ReusedClassifier:
    """Return the deployed model without weights, for which no random number is drawn."""
    with torch.device("meta"):
        return ReusedClassifier(params)


def _shrink(x: Tensor, size: tuple[int, int]) -> Tensor:
    return x if tuple(x.shape[2:]) == size else functional.adaptive_avg_pool2d(x, size)
