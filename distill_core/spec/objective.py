"""Terms: what a stage minimises is the weighted sum of named terms."""

from __future__ import annotations

from pydantic import Field

from distill_core.spec.config import Config, Name, Params


class TermSpec(Config):
    """One weighted term of the objective."""

    method: Name = Field(description="Key of the method in the registry.")
    weight: float = Field(default=1.0, ge=0, le=1e9, description="Factor of the term in the sum.")
    params: Params = Field(default_factory=dict, description="Options of the method.")
    teacher: Name | None = Field(
        default=None, description="Which of the stage's teachers the term listens to; the first if left out."
    )
    view: Name | None = Field(
        default=None, description="Which view of the stream the term sees; the first if left out."
    )
