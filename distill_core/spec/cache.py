"""How the outputs of a stage's teachers are kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.spec.config import Config


class CacheSpec(Config):
    """Whether teacher outputs are stored and read again, and in which form."""

    mode: Literal["auto", "on", "off"] = Field(
        default="auto", description="auto stores where it is exact and pays; on refuses to run without; off never does."
    )
    format: Literal["exact", "fp16", "bf16"] = Field(
        default="exact", description="How numbers are stored; exact keeps what the teacher said, bit for bit."
    )
    top_k: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Store only so many of a sample's largest logits, and the mass of the rest.",
    )
