"""LARS: SGD whose rate is scaled layer by layer.

Yang You, Igor Gitman, Boris Ginsburg: "Large Batch Training of Convolutional Networks", 2017 (arXiv 1708.03888),
algorithm 1: the rate is inside of the velocity, so a change of rate does not touch the steps that are under way. Where
we differ: a layer whose weights, or whose gradient and decay, are all zero has the trust ratio 1 instead of 0 or
infinity; biases and other one-dimensional weights have it too unless they are adapted by option.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["LARS"]


class LARS(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        momentum: share of the velocity that a step keeps.
        weight_decay: decay, inside of the adapted gradient.
        trust_coefficient: how far a layer may move in a step, as a share of its norm.
        eps: added to the denominator of the trust ratio.
        adapt_vectors: whether weights of at most one dimension are adapted too.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        eps: float = 1e-8,
        adapt_vectors: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "trust_coefficient": trust_coefficient,
            "eps": eps,
            "adapt_vectors": adapt_vectors,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no closure: nothing is evaluated anew
        """Take a step: v = momentum * v + lr * trust * (g + decay * w), w = w - v."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step_group(group, weights)

    def _step_group(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        updates = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))  # noqa: SLF001  as in torch's optimizers
        adapted = [row for row, weight in enumerate(weights) if weight.ndim > 1 or group["adapt_vectors"]]
        if adapted:
            trust = _trust_ratios(group, [weights[row] for row in adapted], [gradients[row] for row in adapted])
            torch._foreach_mul_([updates[row] for row in adapted], trust)
        torch._foreach_mul_(updates, group["lr"])
        velocities = [self._velocity(weight) for weight in weights]
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, updates)
        torch._foreach_sub_(weights, velocities)

    def _velocity(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(weight)
        velocity: Tensor = state["velocity"]
        return velocity


def _trust_ratios(group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    """Return c |w| / (|g| + decay |w| + eps) of each layer, scalars on the device."""
    size = torch.stack(torch._foreach_norm(weights))  # noqa: SLF001  one call for all layers
    slope = torch.stack(torch._foreach_norm(gradients)) + group["weight_decay"] * size  # noqa: SLF001  the same
    trust = group["trust_coefficient"] * size / (slope + group["eps"])
    return list(torch.where((size > 0) & (slope > 0), trust, 1.0).unbind())
