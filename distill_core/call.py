"""The calls of modules in one forward pass, as the tree in which they called one another.

Shapes: B batch, C channels, H height, W width, L tokens, D features.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.tap import call_model
from distill_core.tensors import Inputs

__all__ = ["Call", "list_tensors", "record_calls", "undisturbed"]

Extent = tuple[int, ...]
"""Positions of a map: (H, W), or (L,)."""


@dataclass(slots=True, eq=False)
class Call:
    """A call of a module.

    Attributes:
        path: module path.
        module: the module.
        number: how often the module had been called before.
        caller: the call in which it happened, None for the model's own.
        calls: the calls that happened in it, in order.
        taken: positions of the first argument, if it is a map.
        is_given_vectors: whether the first argument is [B D].
        returned: positions of the first tensor that was returned, if it is a map.
        key: entry of the dictionary or tuple that this tensor is.
        result: this tensor, as long as it lives.
    """

    path: str
    module: nn.Module
    number: int
    caller: Call | None
    taken: Extent | None
    is_given_vectors: bool
    returned: Extent | None = None
    key: str | int | None = None
    result: weakref.ref[Tensor] | None = None
    calls: list[Call] = field(default_factory=list)

    @property
    def num_matrices(self) -> int:
        """Weights of two dimensions and more, those of embedding tables left out."""
        parts = (part for part in self.module.modules() if not isinstance(part, nn.Embedding))
        return sum(weight.ndim >= 2 for part in parts for weight in part.parameters(recurse=False))

    def result_is(self, tensor: Tensor) -> bool:
        """Return whether a tensor is the very one that the call returned."""
        return self.result is not None and self.result() is tensor

    def inside(self) -> Iterator[Call]:
        """Yield this call and all that happened in it, in order."""
        yield self
        for call in self.calls:
            yield from call.inside()


class _Recorder:
    """Hooks that write down every call.

    Args:
        num_samples: B; what has another first dimension is no map of the samples.
    """

    def __init__(self, num_samples: int) -> None:
        self._num_samples = num_samples
        self._aspect: Extent | None = None  # of the first images that any module is given
        self._open: list[Call] = []
        self._numbers: dict[nn.Module, int] = {}
        self.root: Call | None = None
        self.output: Any = None

    def enter(self, path: str, module: nn.Module, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
        """Note that a module is called."""
        first = arguments[0] if arguments else next(iter(named.values()), None)
        shape = first.shape if isinstance(first, Tensor) and first.is_floating_point() else None
        number = self._numbers.get(module, 0)
        self._numbers[module] = number + 1
        caller = self._open[-1] if self._open else None
        is_vector = shape is not None and len(shape) == 2 and shape[0] == self._num_samples
        call = Call(path, module, number, caller, self._positions(shape), is_vector)
        if caller is None:
            self.root = call
        else:
            caller.calls.append(call)
        self._open.append(call)

    def leave(self, output: Any) -> None:
        """Note what the module that was called last has returned."""
        call = self._open.pop()
        call.key, tensor = next(iter(list_tensors(output)), (None, None))
        if tensor is not None:
            call.returned, call.result = self._positions(tensor.shape), weakref.ref(tensor)
        if call is self.root:
            self.output = output

    def _positions(self, shape: torch.Size | None) -> Extent | None:
        """Return (H, W) of [B C H W] or [B H W C], whichever fits the images' aspect better, or (L,) of [B L D]."""
        if shape is None or len(shape) < 3 or shape[0] != self._num_samples:
            return None
        if len(shape) == 3:
            return (shape[1],)
        if len(shape) > 4:
            return tuple(shape[2:])
        self._aspect = self._aspect or tuple(shape[2:])
        height, width = self._aspect
        fits = [(abs(h * width - w * height), (h, w)) for h, w in ((shape[2], shape[3]), (shape[1], shape[2]))]
        error, extent = min(fits, key=lambda fit: fit[0])
        return extent if error <= height + width else None  # each side is rounded by less than 1


def list_tensors(value: Any) -> list[tuple[str | int | None, Tensor]]:
    """Return the floating-point tensors of what a module returned, each with the key of its entry."""
    if isinstance(value, Mapping):
        entries: Sequence[tuple[str | int | None, Any]] = list(value.items())
    else:
        entries = list(enumerate(value)) if isinstance(value, list | tuple) else [(None, value)]
    return [(key, entry) for key, entry in entries if isinstance(entry, Tensor) and entry.is_floating_point()]


@torch.no_grad()
def record_calls(model: nn.Module, inputs: Inputs) -> tuple[Call, Any]:
    """Run a model once in eval mode; return the tree of the calls, and what the model returned.

    The model is left as it was: modes, buffers, random numbers and hooks.

    Args:
        model: any module.
        inputs: what it is called with.
    """
    recorder = _Recorder(len(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs))
    with undisturbed(model), ExitStack() as hooks:
        for path, module in model.named_modules():
            before = module.register_forward_pre_hook(
                lambda called, arguments, named, path=path: recorder.enter(path, called, arguments, named),
                with_kwargs=True,
            )
            hooks.callback(before.remove)
            hooks.callback(module.register_forward_hook(lambda _, __, output: recorder.leave(output)).remove)
        call_model(model.eval(), inputs)
    if recorder.root is None:
        raise RuntimeError(f"{type(model).__name__} was called, and its hooks were not")
    return recorder.root, recorder.output


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Put buffers, modes and random numbers back afterwards."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    modes = {module: module.training for module in model.modules()}
    state = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        torch.set_rng_state(state)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
        for module, is_training in modes.items():
            module.training = is_training
