"""Distillation methods, one file each."""

from __future__ import annotations

from typing import Any

from distill_core.registry import Registry
from distill_core.term import Term

__all__ = ["METHODS"]

METHODS: Registry[Term[Any]] = Registry("method", __name__)
