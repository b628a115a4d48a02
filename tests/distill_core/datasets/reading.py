"""What tests of data sets in memory ask of them."""

from __future__ import annotations

from torch import Tensor

from distill_core.dataset import Samples, Source


def in_memory(source: Source) -> tuple[Tensor, Tensor]:
    """Return the pixels [N C H W] and labels [N] of a split that lies in memory."""
    assert isinstance(source, Samples)
    assert isinstance(source.inputs, Tensor)
    assert isinstance(source.targets, Tensor)
    return source.inputs, source.targets
