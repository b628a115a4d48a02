"""What a finished run leaves beside the student's weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distill_core.spec.config import Config
from distill_core.spec.place import Path

ExportFormat = Literal["torch_export", "onnx"]
Picture = Literal["png", "svg"]


class OutputSpec(Config):
    """Files that are written when the last stage is over."""

    exports: Annotated[tuple[ExportFormat, ...], Field(max_length=2)] = Field(
        default=(), description="Forms of the student that run without Stillhouse: torch_export (.pt2), onnx (.onnx)."
    )
    until: Path | None = Field(
        default=None,
        description="Feature point or module path of the student, .pre allowed, at which the exports end; they are the "
        "whole student if left out, and its weights are always whole.",
    )
    opset: int | None = Field(
        default=None,
        ge=18,
        le=23,
        description="Version of ONNX's operator set; that of PyTorch's exporter if left out.",
    )
    parity_tolerance: float = Field(
        default=1e-4,
        gt=0,
        le=1,
        description="Difference that an export may have from the student, as a share of the student's largest output.",
    )
    curves: Annotated[tuple[Picture, ...], Field(max_length=2)] = Field(
        default=("svg",), description="Formats of the picture of losses, validation and learning rate."
    )
    card: bool = Field(default=True, description="Write a model card, README.md.")
