"""Logit standardisation: KD after the logits of both have been given mean 0 and deviation 1 a sample.

Shangquan Sun, Wenqi Ren, Jingzhi Li, Rui Wang, Xiaochun Cao: "Logit Standardization in Knowledge Distillation", CVPR
2024 (arXiv 2403.01427).

Settings: the CIFAR-100 protocol (see the package), where ResNet-32x4 -> ResNet-8x4, ResNet-56 -> ResNet-20 and
WRN-40-2 -> WRN-16-2 reach 76.62, 71.43 and 76.11 %. The authors' code also standardises DKD and MLKD: the option
`standardise` of those recipes, with weights of their own. On ImageNet torchdistill takes CE 0.5, KD 9, T 2, 100 epochs
of 512 at rate 0.2.

    | stage  | learns  | objective                                      |
    | distil | student | 0.1 ce + 9 kd of standardised logits, T 2      |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.recipes import RECIPES, Recipe, Stages, Temperature, Weight


@RECIPES.register("logit_std")
class LogitStd(Recipe):
    """Knowledge distillation of standardised logits, beside the labels."""

    ce_weight: Weight = Field(default=0.1, description="Weight of cross-entropy; 0 leaves it out.")
    kd_weight: Weight = Field(default=9.0, description="Weight of the teacher's soft targets.")
    temperature: Temperature = Field(default=2.0, description="Divides the standardised logits before the softmax.")
    standardise: bool = Field(default=True, description="Standardise the logits of both a sample first.")

    def stages(self) -> Stages:
        """Return the one stage."""
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "objective": {
                    "ce": {"method": "ce", "weight": self.ce_weight},
                    "kd": {
                        "method": "kd",
                        "weight": self.kd_weight,
                        "params": {"temperature": self.temperature, "standardise": self.standardise},
                    },
                },
            },
        )
