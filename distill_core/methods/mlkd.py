"""Multi-level logit distillation: predictions are aligned sample by sample, over the batch and over the classes.

Ying Jin, Jiaqi Wang, Dahua Lin: "Multi-Level Logit Distillation", CVPR 2023; run with logit standardisation by Sun et
al. 2024 (arXiv 2403.01427), whose code standardises the divergences alone, as here. All is summed over several
temperatures, for a weakly and a strongly augmented view; with the weak view the samples that the teacher is less sure
of than the median count, and the classes that it gives less mass than the median class. The authors' code departs from
that (`code`): its masks multiply losses that are already averaged, which halves them; of the strong view the relations
are computed and left out; and its divergences at the last two temperatures take the logits of the weak view. Its
published figures are those of that code; the default is the method as described. Whether the masks are meant for the
strong view too, no source that we know decides: the code has them on one of three levels there, which it then leaves
out. With several processes the batch is that of all of them.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distill_core.distributed import gather_rows
from distill_core.logits import soften
from distill_core.methods import METHODS
from distill_core.spec.config import Config, Name
from distill_core.spec.views import NAMES_VIEW
from distill_core.tap import LOGITS, Activations, Place
from distill_core.tensors import Batch
from distill_core.term import Needs, Places, Term

NUM_WEAK = 2
"""Temperatures at the end of the list at which the authors' code takes the weak view for the strong one."""

Logits = tuple[Tensor, Tensor]
"""Of student and teacher [B K], of one view and all ranks."""


class MLKDParams(Config):
    """Options of multi-level logit distillation."""

    strong_view: Name | None = Field(
        default="strong",
        description="Name of the strongly augmented view of the stream; none takes the own view alone.",
        json_schema_extra=NAMES_VIEW,
    )
    temperatures: tuple[Annotated[float, Field(gt=0, le=1000)], ...] = Field(
        default=(4.0, 3.0, 5.0, 2.0, 6.0), min_length=1, max_length=64, description="Temperatures that are summed over."
    )
    mask: Literal["low_confidence", "none"] = Field(
        default="low_confidence", description="What counts of the weak view: what the teacher is less sure of, or all."
    )
    form: Literal["paper", "code"] = Field(
        default="paper", description="Every level of both views, or what the authors' code adds up."
    )
    standardise: bool = Field(
        default=False, description="Standardise the logits a sample in the divergences (Sun et al. 2024)."
    )


@METHODS.register("mlkd")
class MLKD(Term[MLKDParams]):
    """Divergences, relations between samples and between classes, at several temperatures and in two views."""

    Params = MLKDParams
    needs = Needs(teacher=True, same_classes=True, smallest_batch=2)
    use = "Where accuracy counts more than time: two views a sample, five temperatures."

    @classmethod
    def places(cls, params: MLKDParams) -> Places:
        """Return the logits of both, in both views."""
        strong = () if params.strong_view is None else (_strong_logits(params.strong_view),)
        return Places((LOGITS, *strong), (LOGITS, *strong))

    def forward(self, student: Activations, teacher: Activations, batch: Batch) -> dict[str, Tensor]:
        """Return the levels of each view, p = softmax(z / T), summed over T, as `<level>_weak` and `<level>_strong`.

        instance = mean over B of m_b T^2 KL(p_t || p_s); batch = sum_bc m_b (p_s p_s^T - p_t p_t^T)_bc^2 / B;
        class = sum_kl w_k (p_s^T p_s - p_t^T p_t)_kl^2 / K. m [B] and w [K] are 1 but for the weak view's masks; as
        code they are the masks' means, and of the strong view there is `instance_strong` alone.
        """
        weak = _gather(student, teacher, LOGITS)
        samples, classes = self._weigh(weak[1])
        parts = {f"{level}_weak": value for level, value in self._align(weak, samples, classes).items()}
        if self.params.strong_view is None:
            return parts
        strong = _gather(student, teacher, _strong_logits(self.params.strong_view))
        if self.params.form == "code":
            return parts | {"instance_strong": self._confuse(weak, strong)}
        whole = samples.new_ones(()), samples.new_ones(())
        return parts | {f"{level}_strong": value for level, value in self._align(strong, *whole).items()}

    def _weigh(self, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each sample [B] and class [K] counts for in the weak view; scalars where all count alike."""
        probabilities = teacher.softmax(1)
        masks = [_pick_lower_half(probabilities.amax(1)), _pick_lower_half(probabilities.sum(0))]
        if self.params.mask == "none":
            masks = [torch.ones_like(mask) for mask in masks]
        samples, classes = (mask.mean() for mask in masks) if self.params.form == "code" else masks
        return samples, classes

    def _align(self, logits: Logits, samples: Tensor, classes: Tensor) -> dict[str, Tensor]:
        """Return the three levels of a view."""

        def add_up(level: Callable[[Logits, float], Tensor], weights: Tensor) -> Tensor:
            return torch.stack([(weights * level(logits, t)).sum() for t in self.params.temperatures]).sum()

        return {
            "instance": add_up(self._diverge, samples),
            "batch": add_up(_compare_samples, samples),
            "class": add_up(_compare_classes, classes),
        }

    def _confuse(self, weak: Logits, strong: Logits) -> Tensor:
        """Return the divergences that the authors' code takes for those of the strong view."""
        temperatures = self.params.temperatures
        views = [strong] * (len(temperatures) - NUM_WEAK) + [weak] * NUM_WEAK
        pairs = zip(views[-len(temperatures) :], temperatures, strict=True)
        return torch.stack([self._diverge(logits, temperature).sum() for logits, temperature in pairs]).sum()

    def _diverge(self, logits: Logits, temperature: float) -> Tensor:
        """Return T^2 KL of each sample, over B, [B]."""
        mine, wanted = (soften(z, temperature, standardise=self.params.standardise) for z in logits)
        divergences = functional.kl_div(mine, wanted, reduction="none", log_target=True).sum(1)
        return divergences * temperature**2 / len(divergences)


def _strong_logits(view: str) -> Place:
    return Place(LOGITS.path, view=view)


def _gather(student: Activations, teacher: Activations, place: Place) -> Logits:
    return gather_rows(student[place]), gather_rows(teacher[place].detach())


def _pick_lower_half(confidence: Tensor) -> Tensor:
    """Return 1 where the confidence is at most the median, else 0."""
    return (confidence <= confidence.median()).to(confidence.dtype)


def _compare_samples(logits: Logits, temperature: float) -> Tensor:
    """Return each sample's squared differences of its products with all samples, over B, [B]."""
    mine, wanted = (soften(z, temperature).exp() for z in logits)
    return (mine @ mine.mT - wanted @ wanted.mT).square().sum(1) / len(mine)


def _compare_classes(logits: Logits, temperature: float) -> Tensor:
    """Return each class's squared differences of its products with all classes, over K, [K]."""
    mine, wanted = (soften(z, temperature).exp() for z in logits)
    return (mine.mT @ mine - wanted.mT @ wanted).square().sum(1) / mine.shape[1]
