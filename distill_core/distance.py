"""Distances between the samples of a batch.

Shapes: B batch, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["measure_distances"]

EPSILON = 1e-12


def measure_distances(rows: Tensor) -> Tensor:
    """Return the Euclidean distance of every two rows [B D] as [B B], that of a row to itself 0.

    Squared distances are at least 1e-12 before the root, whose slope at 0 is infinite.
    """
    squares = rows.square().sum(1)
    distances = (squares[:, None] + squares - 2 * rows @ rows.mT).clamp_min(EPSILON).sqrt()
    return distances.masked_fill(torch.eye(len(rows), dtype=torch.bool, device=rows.device), 0)
