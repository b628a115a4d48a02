"""FKD: the student learns from the teacher's soft labels of several crops of each image in a batch.

Zhiqiang Shen, Eric Xing: "A Fast Knowledge Distillation Framework for Visual Recognition", ECCV 2022
(arXiv 2112.01528).

Settings: those of the authors' code for ResNet-50 on ImageNet, which reaches 79.8 % from the soft labels of an
EfficientNet-L2 (80.1 with ReLabel's recipe): 300 passes over the images in batches of 1024 crops, that is with 4 crops
an image 75 epochs of 256 images; SGD, lr 0.1, weight decay 0.0001, cosine. Their last 4 passes show one crop an image,
here all show four. The cache stores the 5 largest probabilities of each crop.

Each crop is a view, and they differ in their seeds; the teacher is asked `variants` times for each, 500 in all in the
paper, and never in a run that finds the store filled:

    views:
      crop1: &crop
        transforms: [{transform: random_resized_crop, size: 224}, {transform: horizontal_flip}, {transform: normalize}]
        seed: 1
        variants: 125
      crop2: {<<: *crop, seed: 2}
      crop3: {<<: *crop, seed: 3}
      crop4: {<<: *crop, seed: 4}

    | stage  | learns  | objective | epochs, batch  | optimizer                    |
    | distil | student | fkd       | 75, 256 images | SGD, lr 0.1, cosine to zero  |
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.cache import CacheSpec
from distill_core.spec.config import Name
from distill_core.spec.optimizer import SGD, Cosine, OptimizerSpec, ScheduleSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature


@RECIPES.register("fkd")
class FKD(Recipe):
    """Fast knowledge distillation: stored soft labels of several crops of every image."""

    views: Annotated[tuple[Name, ...], Field(min_length=1, max_length=8)] = Field(
        default=("crop1", "crop2", "crop3", "crop4"), description="Views of the stream that are the crops of an image."
    )
    quantiser: Literal["full", "hard", "smoothing", "marginal_smoothing", "marginal_renorm"] = Field(
        default="marginal_smoothing", description="What is kept of the teacher's probabilities."
    )
    top_k: int = Field(default=5, ge=1, le=65_536, description="Probabilities that the marginal forms keep.")
    temperature: Temperature = Field(default=1.0, description="Divides the student's logits.")
    epochs: Epochs = Field(default=75, description="Epochs, each of which shows every crop of every image.")
    batch_size: int = Field(
        default=256, ge=1, le=1_000_000, description="Images a step, over all ranks; times the views, the crops."
    )
    optimizer: OptimizerSpec = Field(
        default=SGD(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4), description="Optimizer and its options."
    )
    schedule: ScheduleSpec = Field(default=Cosine(schedule="cosine"), description="Schedule of the learning rate.")
    cache: CacheSpec | None = Field(default=CacheSpec(top_k=5), description="Storage of the soft labels.")

    def stages(self) -> Stages:
        """Return the one stage."""
        params = {
            "views": self.views,
            "quantiser": self.quantiser,
            "top_k": self.top_k,
            "temperature": self.temperature,
        }
        fkd = {"method": "fkd", "view": next(iter(self.views)), "params": params}
        return ({"name": "distil", **self.roles, **self.training, "objective": {"fkd": fkd}},)
