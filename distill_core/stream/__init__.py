"""Streams: the chosen samples of a split, seen through their views, wherever they lie."""

from __future__ import annotations

from distill_core.stream.opening import open_stream
from distill_core.stream.stream import Stream

__all__ = ["Stream", "open_stream"]
