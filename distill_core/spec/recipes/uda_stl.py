"""UDA distillation with unlabelled images: as `uda`, and on further images the student shall agree with itself.

Fabian Ruffy, Karanbir Chahal: "The State of Knowledge Distillation for Classification", 2019 (arXiv 1912.10850), after
Qizhe Xie et al., "Unsupervised Data Augmentation for Consistency Training", NeurIPS 2020 (arXiv 1904.12848).

Settings: those of `uda` with the unlabelled images of STL-10, scaled to 32 pixels: 90.8 % (`uda` 90.52). There is no
code of it. A step takes as many unlabelled samples as labelled ones, which they found to matter; whether their batches
of 128 hold both together is not told. Xie et al. sharpen the target (0.4) and leave out what the student is not sure of
(0.8); the survey names neither.

    | stage  | learns  | objective                             | epochs, batch | optimizer, x 0.1 after             |
    | distil | student | 0.25 ce + 0.25 kd on both views + uda | 200, 2 x 128  | SGD, lr 0.1, Nesterov 0.9; 66, 132 |
"""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.config import Name
from distill_core.spec.recipes import RECIPES, Stages, Weight
from distill_core.spec.recipes.uda import UDA


@RECIPES.register("uda_stl")
class UDASTL(UDA):
    """Distillation on two views of labelled images, consistency on two views of unlabelled ones in equal number."""

    unlabelled: Name = Field(
        default="unlabelled", description="Name of the stream of unlabelled samples, which has the strong view too."
    )
    uda_weight: Weight = Field(default=1.0, description="Weight of consistency on the unlabelled samples.")
    sharpening: float = Field(
        default=1.0, gt=0, le=1000, description="Divides the target's logits before the softmax; below 1 sharpens."
    )
    confidence: float = Field(
        default=0.0, ge=0, lt=1, description="Unlabelled samples count whose largest probability is above it."
    )

    def stages(self) -> Stages:
        """Return the one stage."""
        params = {"strong_view": self.strong_view, "sharpening": self.sharpening, "confidence": self.confidence}
        uda = {"method": "uda", "stream": self.unlabelled, "weight": self.uda_weight, "params": params}
        return (
            {
                "name": "distil",
                **self.roles,
                **self.training,
                "further": {self.unlabelled: self.batch_size},
                "objective": {**self.both_views, "uda": uda},
            },
        )
