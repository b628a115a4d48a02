"""The transforms of a view, applied to images."""

from __future__ import annotations

from distill_core.view.chain import render

__all__ = ["render"]
