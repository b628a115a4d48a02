"""Fast knowledge distillation: soft labels of many crops, stored once in a short form and read again.

Zhiqiang Shen, Eric Xing: "A Fast Knowledge Distillation Framework for Visual Recognition", ECCV 2022
(arXiv 2112.01528). Here are their loss, over several crops of a sample in one batch, and their short forms of a soft
label. The storage is the stage's cache of teacher outputs: a view is a crop, with a seed of its own, and its `variants`
are more of them; boxes are a function of seed and variant, so none is stored. `cache: {top_k: 5}` keeps what
`marginal_smoothing` with `top_k: 5` needs, with places of 16 bits that are exact for all of 65,535 classes (float16, as
in their code, is for 2048). As there the temperature divides the student's logits alone, and no factor T^2 makes up.

Shapes: B batch, K classes, k kept classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from distill_core.errors import Problem, SpecError
from distill_core.logits import soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config, Name
from distill_core.spec.views import NAMES_VIEW
from distill_core.tap import LOGITS, Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Setting, Term


class FKDParams(Config):
    """Options of fast knowledge distillation."""

    views: Annotated[tuple[Name, ...], Field(max_length=8)] = Field(
        default=(), description="Views of the crops; the term's own if none is named.", json_schema_extra=NAMES_VIEW
    )
    quantiser: Literal["full", "hard", "smoothing", "marginal_smoothing", "marginal_renorm"] = Field(
        default="marginal_smoothing",
        description="What is kept of the teacher's probabilities: all; the class of the largest; the largest, or the "
        "top_k largest, with the rest spread evenly; or the top_k largest, scaled to sum to 1.",
    )
    top_k: int = Field(default=5, ge=1, le=65_536, description="Probabilities that the marginal forms keep.")
    temperature: float = Field(default=1.0, gt=0, le=1000, description="Divides the student's logits.")
    teacher_temperature: float = Field(default=1.0, gt=0, le=1000, description="Divides the teacher's logits.")
    standardise: bool = Field(
        default=False, description="Give the logits of both mean 0 and deviation 1 a sample first (Sun et al. 2024)."
    )


@METHODS.register("fkd")
class FKD(Term[FKDParams]):
    """Cross-entropy of the student's class probabilities with the teacher's, in a short form, over several crops."""

    Params = FKDParams
    needs = Needs(teacher=True, same_classes=True)
    use = (
        "When a very large teacher is to be asked as seldom as possible: several stored crops of an image in one batch."
    )

    @classmethod
    def places(cls, params: FKDParams) -> Places:
        """Return the logits of both in every crop."""
        return Places(tuple(_crops(params)), tuple(_crops(params)))

    def build(self, setting: Setting) -> None:
        """Refuse to keep more classes than there are."""
        num_classes = next(iter(setting.teacher.values()))[-1]
        most = {"marginal_smoothing": num_classes - 1, "marginal_renorm": num_classes}.get(self.params.quantiser)
        if most is not None and self.params.top_k > most:
            message = f"{self.params.quantiser} cannot keep {self.params.top_k} of {num_classes} classes"
            raise SpecError([Problem("/params/top_k", "value_invalid", message, self.params.top_k, f"at most {most}")])

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> Tensor:
        """Return mean over crops and B of -sum_k q_k log softmax(z_s / T)_k, q = short form of softmax(z_t / T_t)."""
        losses = []
        for crop in _crops(self.params):
            said = teacher[crop].detach()
            wanted = soften(said, self.params.teacher_temperature, standardise=self.params.standardise).exp()
            mine = soften(student[crop], self.params.temperature, standardise=self.params.standardise)
            losses.append(-(self._quantise(wanted) * mine).sum(1).mean())
        return torch.stack(losses).mean()

    def _quantise(self, probabilities: Tensor) -> Tensor:
        match self.params.quantiser:
            case "hard":
                place = probabilities.argmax(1, keepdim=True)
                return torch.zeros_like(probabilities).scatter(1, place, 1.0)
            case "smoothing":
                return _keep(probabilities, 1)
            case "marginal_smoothing":
                return _keep(probabilities, self.params.top_k)
            case "marginal_renorm":
                kept, places = probabilities.topk(self.params.top_k, dim=1)
                return torch.zeros_like(probabilities).scatter(1, places, kept / kept.sum(1, keepdim=True))
        return probabilities


def _crops(params: FKDParams) -> Iterator[Place]:
    """Yield the logits in every crop."""
    yield from (replace(LOGITS, view=view) for view in params.views or (None,))


def _keep(probabilities: Tensor, count: int) -> Tensor:
    """Keep the largest probabilities [B K] and spread the rest evenly over all other classes."""
    kept, places = probabilities.topk(count, dim=1)
    rest = (1 - kept.sum(1, keepdim=True)) / (probabilities.shape[1] - count)
    return rest.expand_as(probabilities).scatter(1, places, kept)
