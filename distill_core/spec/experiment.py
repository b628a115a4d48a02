"""The experiment spec: everything a person may ask for, in one document."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.config import Config, Name
from distill_core.spec.data import StreamSpec
from distill_core.spec.model import ModelSpec
from distill_core.spec.outputs import OutputSpec
from distill_core.spec.recipe import RecipeSpec
from distill_core.spec.runtime import EvaluationSpec, RuntimeSpec
from distill_core.spec.stage import ResolvedStage, StageSpec


class ExperimentSpec(Config):
    """An experiment as a person writes it."""

    version: Literal[1] = Field(description="Version of the format; this is 1.")
    name: str = Field(min_length=1, max_length=128, description="Title of the experiment.")
    description: str = Field(default="", max_length=4096, description="What it is for.")
    models: dict[Name, ModelSpec] = Field(min_length=1, max_length=64, description="Models by name.")
    data: dict[Name, StreamSpec] = Field(min_length=1, max_length=64, description="Streams by name.")
    recipe: RecipeSpec | None = Field(
        default=None, description="A published method by name, whose stages are written out; instead of stages."
    )
    stages: tuple[StageSpec, ...] = Field(
        default=(), max_length=64, description="Stages, in order; those of the recipe where one is named."
    )
    runtime: RuntimeSpec = Field(
        default_factory=RuntimeSpec, description="Device, seed, determinism, checkpoints and limits."
    )
    evaluation: EvaluationSpec = Field(default_factory=EvaluationSpec, description="What is measured at the end.")
    outputs: OutputSpec = Field(default_factory=OutputSpec, description="What a run leaves beside the weights.")


class ResolvedSpec(ExperimentSpec):
    """An experiment with everything written out; this is what is stored and executed."""

    stages: tuple[ResolvedStage, ...] = Field(min_length=1, max_length=64, description="Stages, in order.")
