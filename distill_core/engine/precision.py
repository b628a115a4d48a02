"""Number formats: autocast of the forward pass, scaling of the loss, and the order of unscaling, clipping and step."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer

from distill_core.spec.training import ClipSpec

__all__ = ["Precision"]

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """The number format of a stage's forward passes; the weights themselves stay as they are.

    fp16 has a gradient scaler, on a GPU and on the CPU. A step whose gradients overflow is skipped and counted, and the
    scale is halved. Fused optimizers skip it on the device; the others make the host wait for it once a step.
    """

    def __init__(self, name: Literal["fp32", "bf16", "fp16", "fp64"], device: torch.device) -> None:
        self._dtype = DTYPES.get(name)
        self._device = device
        self._scaler = torch.amp.GradScaler(device.type) if name == "fp16" else None
        self._one = torch.ones((), device=device)
        self._skipped = torch.zeros((), dtype=torch.int64, device=device)

    @property
    def num_skipped(self) -> int:
        """Steps that were skipped because a gradient overflowed; reading it waits for the device."""
        return int(self._skipped)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context of one forward pass.

        One for each pass: the weights that were cast under no_grad would be reused in the next pass, without gradient.
        """
        return nullcontext() if self._dtype is None else torch.autocast(self._device.type, self._dtype)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss, scaled where that is due."""
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()

    def step(self, optimizer: Optimizer, clip: ClipSpec | None = None) -> Tensor | None:
        """Unscale and clip the gradients and let the optimizer take its step.

        Args:
            optimizer: all gradients of its step have been added.
            clip: limits of the gradient.

        Returns:
            The gradient's norm, of all parameters together and before it was limited, a scalar on the device, infinite
            or NaN where the step is skipped; None without a limit of the norm.
        """
        if self._scaler is None:
            norm = _limit(optimizer, clip)
            optimizer.step()
            return norm
        before = self._scaler.scale(self._one)
        self._scaler.unscale_(optimizer)
        norm = _limit(optimizer, clip)
        self._scaler.step(optimizer)
        self._scaler.update()
        self._skipped += self._scaler.scale(self._one) < before  # only an overflow lowers the scale
        return norm

    def state_dict(self) -> dict[str, Any]:
        """Return the scaler's state and the count of skipped steps."""
        return {"scaler": None if self._scaler is None else self._scaler.state_dict(), "num_skipped": self.num_skipped}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of the same number format."""
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])
        self._skipped.fill_(state["num_skipped"])


def _limit(optimizer: Optimizer, clip: ClipSpec | None) -> Tensor | None:
    if clip is None:
        return None
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if clip.value is not None:
        clip_grad_value_(parameters, clip.value)
    return None if clip.norm is None else clip_grad_norm_(parameters, clip.norm)
