"""A student's encoder with a teacher's classifier, joined by a projector: what SimKD trains and what is deployed of it.

Defang Chen, Jian-Ping Mei, Hailin Zhang, Can Wang, Yan Feng, Chun Chen: "Knowledge Distillation with the Reused Teacher
Classifier", CVPR 2022 (arXiv 2203.14001). Both ends are parts of registered models, so that the model is built of its
options alone; all sizes follow from them. The classifier is all that the teacher computes behind its map. Where the
student's map is the larger it is average-pooled to the size of the teacher's, as in the paper; where it is the smaller
its projection is repeated to that size, which changes no average over a map of a multiple of its size.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.errors import Problem, SpecError
from distill_core.model import ImageModelParams, Model
from distill_core.models import MODELS
from distill_core.place import list_feature_modules
from distill_core.probe import give_feature_points
from distill_core.spec.config import Name, Params
from distill_core.spec.place import Path
from distill_core.split import take_head, take_tail

__all__ = ["FACTS", "ReusedClassifier", "ReusedClassifierParams", "build_projector"]

FACTS = tuple(ImageModelParams.model_fields)
"""Options that say what the images are; both ends get those of the whole."""

Role = Literal["student", "teacher"]


class ReusedClassifierParams(ImageModelParams):
    """Options of a reused classifier."""

    student: Name = Field(default="resnet8", description="Key of the model whose lower part is the encoder.")
    student_params: Params = Field(default_factory=dict, description="Its options beside those of the images.")
    student_place: Path = Field(default="stage3", description="Where the encoder ends: a map of that model.")
    teacher: Name = Field(default="resnet20", description="Key of the model whose upper part is the classifier.")
    teacher_params: Params = Field(default_factory=dict, description="Its options beside those of the images.")
    teacher_place: Path = Field(default="stage3", description="Where the classifier begins: a map of that model.")
    factor: int = Field(
        default=2, ge=1, le=64, description="Channels of the teacher's map divided by those inside of the projector."
    )


@MODELS.register("reused_classifier")
class ReusedClassifier(Model):
    """The encoder of one model with the classifier of another, joined by a projector; made by SimKD."""

    Params = ReusedClassifierParams

    encoder: nn.Module
    projector: nn.Module
    classifier: nn.Module

    def __init__(self, params: ReusedClassifierParams) -> None:
        super().__init__(params)
        student, mine = _build(params, "student")
        teacher, others = _build(params, "teacher")
        self.encoder = take_head(student, params.student_place)
        self.projector = build_projector(mine[1], others[1], params.factor)
        self.shrink, self.grow = _fit(mine, others)
        self.classifier = take_tail(teacher, params.teacher_place, "/params/teacher_place")
        # They follow from the options, while those of a class are the same for all its models.
        self.feature_points = {  # type: ignore[misc]
            **_list_points(student, self.encoder, "encoder"),
            **_list_points(teacher, self.classifier, "classifier"),
        }

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B K] of images [B C H W]."""
        logits: Tensor = self.classifier(self.grow(self.projector(self.shrink(self.encoder(x)))))
        return logits


def build_projector(channels: int, wanted: int, factor: int) -> nn.Sequential:
    """Return the convolutions that turn a map of the student into one of the teacher's channels."""
    hidden = max(1, wanted // factor)
    widths = ((channels, hidden, 1), (hidden, hidden, 3), (hidden, wanted, 1))
    projector = nn.Sequential()
    for before, after, size in widths:
        convolution = nn.Conv2d(before, after, size, padding=size // 2, bias=False)
        projector.extend([convolution, nn.BatchNorm2d(after), nn.ReLU()])
    return projector


def _build(params: ReusedClassifierParams, role: Role) -> tuple[Model, torch.Size]:
    """Return one of the two models, and the shape of its map."""
    key, options, place = (getattr(params, f"{role}{ending}") for ending in ("", "_params", "_place"))
    known = MODELS.find(key, f"/params/{role}").Params.model_fields
    facts = {name: getattr(params, name) for name in FACTS if name in known}
    model = MODELS.create(key, {**options, **facts}, f"/params/{role}")
    images = torch.zeros(1, params.in_channels, params.image_size, params.image_size)
    give_feature_points(model, images.expand(2, -1, -1, -1))
    with torch.no_grad():
        shape = take_head(model, place, f"/params/{role}_place").eval()(images).shape
    model.train()
    if len(shape) != 4:
        message = f"{place!r} of {key!r} gives {list(shape[1:])} a sample, but a classifier is reused on maps [C H W]"
        raise SpecError([Problem(f"/params/{role}_place", "shape_unfit", message, place)])
    return model, shape


def _fit(student: torch.Size, teacher: torch.Size) -> tuple[nn.Module, nn.Module]:
    """Return what makes the student's map small enough for the projector, and its projection as large as is wanted."""
    smaller = min(student[2], teacher[2]), min(student[3], teacher[3])
    shrink = nn.Identity() if student[2:] == smaller else nn.AdaptiveAvgPool2d(smaller)
    grow = nn.Identity() if teacher[2:] == smaller else nn.Upsample(size=tuple(teacher[2:]))
    return shrink, grow


def _list_points(model: Model, part: nn.Module, name: str) -> Mapping[str, str]:
    """Return the feature points of a model that its part has, at the paths that they have in the whole."""
    # A container of what is left of a module is a plain module that no one calls.
    called = {path for path, module in part.named_modules() if type(module) is not nn.Module}
    points = list_feature_modules(model)
    return {point: f"{name}.{path}" for point, path in points.items() if path in called}
