"""What methods do with logits: temperature, standardisation, divergence.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

__all__ = ["Reduction", "divergence", "soften", "standardise_logits"]

STD_EPSILON = 1e-7

Reduction = Literal["batchmean", "mean"]


def standardise_logits(logits: Tensor) -> Tensor:
    """Return logits [B K] with mean 0 and standard deviation 1 a sample.

    Shangquan Sun, Wenqi Ren, Jingzhi Li, Rui Wang, Xiaochun Cao: "Logit Standardization in Knowledge Distillation",
    CVPR 2024 (arXiv 2403.01427): (z - mean) / (std + 1e-7) with the unbiased deviation. It does not see k z + c, k > 0.
    """
    return (logits - logits.mean(1, keepdim=True)) / (logits.std(1, keepdim=True) + STD_EPSILON)


def soften(logits: Tensor, temperature: float, *, standardise: bool = False) -> Tensor:
    """Return log softmax(z / T) [B K], of standardised logits where asked for."""
    return functional.log_softmax((standardise_logits(logits) if standardise else logits) / temperature, dim=1)


def divergence(log_student: Tensor, log_teacher: Tensor, reduction: Reduction = "batchmean") -> Tensor:
    """Return KL(p_t || p_s) of log-probabilities [B K]: summed over classes, averaged over the batch.

    `mean` divides by K as well, as torch's default reduction does and much published code with it.
    """
    return functional.kl_div(log_student, log_teacher, reduction=reduction, log_target=True)
