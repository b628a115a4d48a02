"""Hierarchical context loss: two maps are compared as they are, and as coarser and coarser averages.

Pengguang Chen, Shu Liu, Hengshuang Zhao, Jiaya Jia: "Distilling Knowledge via Knowledge Review", CVPR 2021
(arXiv 2104.09044). Grids as high as the map, or higher, are left out, as in the authors' code.

Shapes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["hierarchical_context_loss"]

GRIDS = (4, 2, 1)


def hierarchical_context_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return (mse(s, t) + sum_k 2^-k mse(pool_k s, pool_k t)) / (1 + sum_k 2^-k) of maps [B C H W].

    pool_1, pool_2, ... average to those of the grids 4x4, 2x2, 1x1 that are smaller than H; mse is the mean over all
    elements.
    """
    loss, weight, total = functional.mse_loss(student, teacher), 1.0, 1.0
    for grid in GRIDS:
        if grid < student.shape[2]:
            weight /= 2
            total += weight
            mine, others = (functional.adaptive_avg_pool2d(x, grid) for x in (student, teacher))
            loss = loss + weight * functional.mse_loss(mine, others)
    return loss / total
