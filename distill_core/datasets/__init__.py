"""Data sets, one file a family."""

from __future__ import annotations

from distill_core.dataset import Dataset
from distill_core.registry import Registry

__all__ = ["DATASETS"]

DATASETS: Registry[Dataset] = Registry("data set", __name__)
