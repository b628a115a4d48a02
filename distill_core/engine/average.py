"""The running mean of a module's weights, held as tensors beside it: a copy of the module would copy its hooks too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.errors import CheckpointError
from distill_core.spec.training import EMASpec

__all__ = ["Average"]


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a module keeps a tensor; it is read anew each time, since a module may put another tensor there."""

    name: str
    tensors: Mapping[str, Tensor | None]
    key: str

    def read(self) -> Tensor:
        tensor = self.tensors[self.key]
        assert tensor is not None  # noqa: S101  slots are made of tensors only
        return tensor.detach()


class Average:
    """Exponential running mean of parameters and floating buffers, from the weights that the module has now.

    Integer buffers are copied at each update, and so are buffers with infinite entries (attention masks): the mean of
    two infinities would be NaN.
    """

    def __init__(self, module: nn.Module, spec: EMASpec) -> None:
        self._spec = spec
        self._num_steps = 0
        self._slots = tuple(_find_slots(module))
        self._means = [slot.read().clone() for slot in self._slots]
        self._averaged = [row for row, mean in enumerate(self._means) if _can_average(mean)]
        self._copied = sorted(set(range(len(self._means))) - set(self._averaged))

    @torch.no_grad()
    def update(self) -> None:
        """Take note of the weights after an optimizer step; moves the mean every so many steps."""
        self._num_steps += 1
        if self._num_steps % self._spec.every_steps:
            return
        live = [slot.read() for slot in self._slots]
        averaged, copied = self._averaged, self._copied
        if averaged:
            means = [self._means[row] for row in averaged]
            torch._foreach_lerp_(means, [live[row] for row in averaged], 1 - self._decay())
        if copied:
            torch._foreach_copy_([self._means[row] for row in copied], [live[row] for row in copied])

    @torch.no_grad()
    def put(self) -> None:
        """Write the mean into the module, for good."""
        torch._foreach_copy_([slot.read() for slot in self._slots], self._means)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Have the mean in the module for a while; afterwards the live weights are back, bit for bit."""
        live = [slot.read().clone() for slot in self._slots]
        self.put()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_([slot.read() for slot in self._slots], live)

    def state_dict(self) -> dict[str, Any]:
        """Return the mean and the count of steps."""
        names = (slot.name for slot in self._slots)
        return {"num_steps": self._num_steps, "means": dict(zip(names, self._means, strict=True))}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a mean.

        Raises:
            CheckpointError: it is the mean of another module.
        """
        means = state["means"]
        differing = sorted(means.keys() ^ {slot.name for slot in self._slots})
        if differing:
            raise CheckpointError(f"the mean of the weights is one of another module: it differs in {differing[0]!r}")
        torch._foreach_copy_(self._means, [means[slot.name].to(mean.device) for slot, mean in self._paired()])
        self._num_steps = state["num_steps"]

    def _paired(self) -> Iterator[tuple[_Slot, Tensor]]:
        return zip(self._slots, self._means, strict=True)

    def _decay(self) -> float:
        done = self._num_steps // self._spec.every_steps - 1
        return min(self._spec.decay, (1 + done) / (10 + done)) if self._spec.warmup else self._spec.decay


def _find_slots(module: nn.Module) -> Iterator[_Slot]:
    """Yield where the tensors of a module are, a shared one once, under its first name."""
    seen: set[int] = set()
    for path, part in module.named_modules():
        for tensors in (part._parameters, part._buffers):  # noqa: SLF001  the one place where both are held
            for key, tensor in tensors.items():
                if tensor is not None and id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield _Slot(f"{path}.{key}".lstrip("."), tensors, key)


def _can_average(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and bool(torch.isfinite(tensor).all())
