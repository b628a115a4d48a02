"""What methods do with logits and labels: temperature, standardisation, divergence, soft targets.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

__all__ = ["Reduction", "divergence", "soft_cross_entropy", "soften", "spread_labels", "standardise_logits"]

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

    `mean` divides by K as well, as torch's default reduction does and much published code with it; torch is about to
    change what that word means, so that the division is done here.
    """
    total = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return total / log_student.shape[1] if reduction == "mean" else total


def soft_cross_entropy(log_student: Tensor, log_teacher: Tensor, reduction: Reduction = "batchmean") -> Tensor:
    """Return -sum_k p_t log p_s of log-probabilities [B K], averaged as `divergence` is, which has the same gradient.

    The two differ by the entropy of the teacher's probabilities, a constant to the student.
    """
    products = -log_teacher.exp() * log_student
    return products.mean() if reduction == "mean" else products.sum(1).mean()


def spread_labels(labels: Tensor, logits: Tensor, share: float) -> Tensor:
    """Return targets [B K] with a share of the mass on the label and the rest spread evenly over the K - 1 others.

    Args:
        labels: classes [B] int64, or class probabilities [B K], whose mass is spread class by class.
        logits: tensor [B K] of whose type and device the targets are.
        share: mass that stays at the label.
    """
    num_classes = logits.shape[1]
    own = labels if labels.is_floating_point() else functional.one_hot(labels, num_classes)
    own = own.to(logits.dtype)
    return share * own + (1 - share) / max(1, num_classes - 1) * (1 - own)
