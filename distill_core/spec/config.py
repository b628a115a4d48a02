"""What every part of a spec shares: strict, immutable models and the words that name things."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN, description="A name: lower-case letters, digits and _, at most 64.")]
Params = Annotated[
    dict[str, JsonValue], Field(max_length=64, description="Options of the component; the catalog lists them.")
]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Config(BaseModel):
    """A part of a spec: unknown fields are refused, values cannot be changed, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=False)

    def as_document(self) -> dict[str, Any]:
        """Return the plain JSON data that validates back to an equal value."""
        return self.model_dump(mode="json")
