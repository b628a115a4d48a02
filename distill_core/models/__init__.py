"""Model families, one file each."""

from __future__ import annotations

from distill_core.model import Model
from distill_core.registry import Registry

__all__ = ["MODELS"]

MODELS: Registry[Model] = Registry("model", __name__)
