"""The three runs of PyTorch's tutorial: soft targets, the cosine of hidden vectors, a regressor of hidden maps.

Alexandros Chariton: "Knowledge Distillation Tutorial", pytorch.org, 2023. It follows Hinton, Vinyals, Dean, "Distilling
the Knowledge in a Neural Network", 2014 (arXiv 1503.02531), and of hints Romero et al., "FitNets", ICLR 2015
(arXiv 1412.6550), in a single stage.

Settings: CIFAR-10 without augmentation, `deep_nn` teaches `light_nn`, both trained from seed 42. Published on the test
set: teacher 75.10 %, student alone 69.86, with soft targets 70.80, cosine 71.50, regressor 70.82. The student's hidden
vector has 1024 values and the teacher's 2048, whose neighbours are averaged; the regressor is a bare 3x3 convolution.
Neither hidden loss reaches the student's classifier.

    | recipe             | learns             | objective                       | epochs, batch | Adam's rate |
    | tutorial_kd        | student            | 0.75 ce + 0.25 kd (T 2)         | 10, 128       | 0.001       |
    | tutorial_cosine    | student            | 0.75 ce + 0.25 loss (cosine)    | 10, 128       | 0.001       |
    | tutorial_regressor | student, regressor | 0.75 ce + 0.25 fitnet           | 10, 128       | 0.001       |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from distill_core.spec.config import Params
from distill_core.spec.optimizer import Adam, Constant, OptimizerSpec, ScheduleSpec
from distill_core.spec.place import Path, PlaceSpec
from distill_core.spec.recipes import RECIPES, Epochs, Recipe, Stages, Temperature, Weight
from distill_core.spec.reshape import Flatten, PoolVector, Reshapes


class Tutorial(Recipe):
    """What the tutorial's runs share: cross-entropy beside one other term, in a single stage."""

    ce_weight: Weight = Field(default=0.75, description="Weight of cross-entropy; 0 leaves it out.")
    epochs: Epochs = Field(default=10, description="Epochs of the student.")
    batch_size: int = Field(default=128, ge=1, le=1_000_000, description="Samples a step, over all ranks.")
    optimizer: OptimizerSpec = Field(default=Adam(optimizer="adam", lr=0.001), description="Optimizer and its options.")
    schedule: ScheduleSpec = Field(default=Constant(schedule="constant"), description="Schedule of the learning rate.")

    def stages(self) -> Stages:
        """Return the one stage."""
        objective = {"ce": {"method": "ce", "weight": self.ce_weight}, **self.imitation}
        return ({"name": "distil", **self.roles, **self.training, "objective": objective},)

    @property
    def imitation(self) -> Mapping[str, Any]:
        """The term beside cross-entropy, by its name."""
        raise NotImplementedError


@RECIPES.register("tutorial_kd")
class TutorialKD(Tutorial):
    """PyTorch's tutorial: soft targets beside the labels."""

    kd_weight: Weight = Field(default=0.25, description="Weight of the teacher's soft targets.")
    temperature: Temperature = Field(default=2.0, description="Divides the logits of both before the softmax.")

    @property
    def imitation(self) -> Mapping[str, Any]:
        """Soft targets."""
        return {"kd": {"method": "kd", "weight": self.kd_weight, "params": {"temperature": self.temperature}}}


@RECIPES.register("tutorial_cosine")
class TutorialCosine(Tutorial):
    """PyTorch's tutorial: the student's hidden vector points where the teacher's does."""

    student_vector: PlaceSpec = Field(
        default=PlaceSpec(of="student", path="pooled"), description="Hidden vector of the student."
    )
    teacher_vector: PlaceSpec = Field(
        default=PlaceSpec(of="teacher", path="pooled"), description="Hidden vector of the teacher."
    )
    student_steps: Reshapes = Field(
        default=(Flatten(reshape="flatten"),), description="Reshapes of the student's vector, in order."
    )
    teacher_steps: Reshapes = Field(
        default=(Flatten(reshape="flatten"), PoolVector(reshape="pool_vector", window=2)),
        description="Reshapes of the teacher's vector, in order.",
    )
    vector_loss: Params = Field(default={"function": "cosine_embedding"}, description="Loss of the two vectors.")
    vector_weight: Weight = Field(default=0.25, description="Weight of the loss of the two vectors.")

    @property
    def imitation(self) -> Mapping[str, Any]:
        """The cosine of the hidden vectors."""
        params = {
            "loss": self.vector_loss,
            "input": self.student_vector,
            "target": self.teacher_vector,
            "input_steps": self.student_steps,
            "target_steps": self.teacher_steps,
        }
        return {"cosine": {"method": "loss", "weight": self.vector_weight, "params": params}}


@RECIPES.register("tutorial_regressor")
class TutorialRegressor(Tutorial):
    """PyTorch's tutorial: a convolution of the student's hidden map gives the teacher's."""

    student_place: Path = Field(default="stage2", description="Hidden map of the student.")
    teacher_place: Path = Field(default="stage2", description="Hidden map of the teacher.")
    regressor: Literal["fitted", "conv1x1", "conv3x3", "none"] = Field(
        default="conv3x3", description="Convolution that turns the student's map into the teacher's."
    )
    batch_norm_relu: bool = Field(default=False, description="Whether BatchNorm and ReLU follow the convolution.")
    fitnet_weight: Weight = Field(default=0.25, description="Weight of the difference between the maps.")

    @property
    def imitation(self) -> Mapping[str, Any]:
        """A regressor of the hidden map."""
        params = {
            "student_place": self.student_place,
            "teacher_place": self.teacher_place,
            "regressor": self.regressor,
            "batch_norm_relu": self.batch_norm_relu,
        }
        return {"fitnet": {"method": "fitnet", "weight": self.fitnet_weight, "params": params}}
