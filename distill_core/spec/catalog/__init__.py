"""What every registered component is and takes, as generated data, so that a spec is checked without torch.

The JSON files beside this module are written by `python -m distill_core catalog`; a test keeps them fresh.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = ["Catalog", "DatasetEntry", "Entry", "MethodEntry", "ModelEntry", "RecipeEntry", "load_catalog"]


class Entry(BaseModel):
    """What any component says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str = Field(description="First sentence of the component's docstring.")
    params: dict[str, Any] = Field(description="JSON Schema of the component's options.")


class ModelEntry(Entry):
    """A model: its feature points and module paths at the catalog's data facts."""

    derived: tuple[str, ...] = Field(
        description="Options that follow from the data where left out: num_classes, in_channels, image_size."
    )
    feature_points: dict[str, str] = Field(description="Symbolic feature point -> module path.")
    module_paths: tuple[str, ...] = Field(description="Every module path, in registration order.")


class DatasetEntry(Entry):
    """A data set: what must be known of it before it is opened."""

    num_classes: int | None = Field(description="Classes; left out where the option num_classes says them.")
    image_shape: tuple[int | None, int | None, int | None] | None = Field(
        description="[C H W], without sides that only the files know, and without channels where the option channels "
        "says them; left out where the samples are no images."
    )
    splits: dict[str, int] | None = Field(description="Split -> number of samples; left out where only files know.")
    mean: tuple[float, ...] | None = Field(description="Mean a channel of pixels in [0, 1], where it is known.")
    std: tuple[float, ...] | None = Field(description="Standard deviation a channel, where it is known.")


class MethodEntry(Entry):
    """A method: what it needs of stage and data."""

    paper: str = Field(description="Authors, title, venue and arXiv id.")
    formula: str = Field(description="What it computes, unweighted.")
    use: str = Field(description="When to use it.")
    taps: dict[str, tuple[str, ...]] = Field(
        description="Places in student and teacher that it taps between two models of three stages, by its defaults."
    )
    teacher: bool = Field(description="Whether the stage must have a teacher.")
    labels: bool = Field(description="Whether the samples must have labels.")
    same_classes: bool = Field(description="Whether student and teacher must have the same classes.")
    smallest_batch: int = Field(description="Samples that a batch must hold at least.")
    ensemble: bool = Field(description="Whether it listens to all teachers of the stage at once.")
    imports: tuple[str, ...] = Field(description="Modules that a term of an earlier stage must export.")
    exports: tuple[str, ...] = Field(description="Modules that it hands to later stages.")
    cost: float | None = Field(
        description="Time of a step with it and cross-entropy, divided by that of one with `kd` and cross-entropy, as "
        "measured on one CPU thread; left out where it was not measured."
    )


class RecipeEntry(Entry):
    """A recipe: a published method as stages; its params use the `$defs` of the spec's schema beside their own."""

    paper: str = Field(description="Authors, title, venue, year and arXiv id where it has one.")
    example: dict[str, Any] | None = Field(
        description="A spec with it on the digits that ends within minutes; left out where no such data is made for it."
    )


class Catalog(BaseModel):
    """Every component that a spec can name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, ModelEntry]
    datasets: dict[str, DatasetEntry]
    methods: dict[str, MethodEntry]
    recipes: dict[str, RecipeEntry]


@cache
def load_catalog() -> Catalog:
    """Return the generated catalog."""
    folder = files(__name__)
    kinds = {kind: json.loads(folder.joinpath(f"{kind}.json").read_text("utf-8")) for kind in Catalog.model_fields}
    return TypeAdapter(Catalog).validate_python(kinds)
