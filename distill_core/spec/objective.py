"""Terms: what a stage minimises is the weighted sum of named terms."""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.config import Config, Name, Params
from distill_core.spec.weight import Process, Weight


class TermSpec(Config):
    """One weighted term of the objective."""

    method: Name = Field(description="Key of the method in the registry.")
    weight: Weight = Field(default=1.0, description="Factor of the term in the sum: a number or a schedule.")
    parts: dict[str, Weight] | Process = Field(
        default_factory=dict,
        description="Further factors of the parts of a term that has named ones, by name, 1 where left out; or a "
        "learned process that gives them all.",
    )
    params: Params = Field(default_factory=dict, description="Options of the method.")
    teacher: Name | None = Field(
        default=None, description="Which of the stage's teachers the term listens to; the first if left out."
    )
    stream: Name | None = Field(
        default=None, description="Which of the stage's further streams the term sees; the training stream if left out."
    )
    view: Name | None = Field(
        default=None, description="Which view of the stream the term sees; the first if left out."
    )
