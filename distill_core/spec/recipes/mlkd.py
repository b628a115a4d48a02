"""MLKD: predictions are aligned sample by sample, over the batch and over the classes, in a weak and a strong view.

Ying Jin, Jiaqi Wang, Dahua Lin: "Multi-Level Logit Distillation", CVPR 2023; with standardised logits in Sun et al.
2024 (arXiv 2403.01427).

Settings: the CIFAR-100 protocol (see the package) at rate 0.025, where ResNet-32x4 -> ResNet-8x4, ResNet-56 ->
ResNet-20 and WRN-40-2 -> WRN-16-2 reach 77.08, 72.19 and 76.63 % with the authors' code (`form: code`; with
standardised logits and 480 epochs 78.28 % for the first pair). The stream needs two views: the weak one first, and
`strong`, the same with two operations of RandAugment at magnitude 10. On ImageNet weights 0.5, T 1, 2, 3, 5, 6, batches
of 512 at rate 0.1: ResNet-34 -> ResNet-18 71.90 %.

    | stage  | learns  | objective                                             | learning rate |
    | distil | student | 0.1 ce + 0.1 ce of the strong view + 0.9 mlkd         | 0.025         |
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.config import Name
from distill_core.spec.optimizer import SGD, OptimizerSpec
from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("mlkd")
class MLKD(Recipe):
    """Multi-level logit distillation: samples, batch and classes in a weak and a strong view, beside the labels."""

    strong_view: Name = Field(default="strong", description="Name of the strongly augmented view of the stream.")
    temperatures: Annotated[tuple[Temperature, ...], Field(min_length=1, max_length=64)] = Field(
        default=(4.0, 3.0, 5.0, 2.0, 6.0), description="Temperatures that are summed over."
    )
    mask: Literal["low_confidence", "none"] = Field(
        default="low_confidence", description="What counts of the weak view: what the teacher is less sure of, or all."
    )
    form: Literal["paper", "code"] = Field(
        default="paper", description="Every level of both views, or what the authors' code adds up."
    )
    standardise: bool = Field(default=False, description="Standardise the logits a sample in the divergences.")
    ce_weight: Weight = Field(default=0.1, description="Weight of cross-entropy in each view; 0 leaves it out.")
    mlkd_weight: Weight = Field(default=0.9, description="Weight of all levels.")
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.025, momentum=0.9, weight_decay=5e-4),
        description="Optimizer and its options.",
    )

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "ce_strong": {"method": "ce", "weight": self.ce_weight, "view": self.strong_view},
                    "mlkd": {
                        "method": "mlkd",
                        "weight": self.mlkd_weight,
                        "params": {
                            "strong_view": self.strong_view,
                            "temperatures": self.temperatures,
                            "mask": self.mask,
                            "form": self.form,
                            "standardise": self.standardise,
                        },
                    },
                },
            },
        )
