"""Taps: forward hooks that hand out what flows through the named places of a model.

A forward pass under taps ends behind the last place that is needed: the hook there raises, and `Taps.run` catches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from distill_core.errors import Problem, SpecError
from distill_core.place import (
    LOGITS,
    Place,
    Side,
    find_module,
    find_part,
    find_place,
    select_argument,
    select_entry,
    unwrap,
)
from distill_core.tensors import Inputs, at_least_float32

__all__ = ["LOGITS", "Activations", "Place", "Taps", "call_model", "find_module", "find_part"]

Activations = Mapping[Place, Any]
"""Place -> what was caught there, a tensor nearly always."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """One side of one module: where a hook sits."""

    module: str
    side: Side


class _Exit(Exception):  # noqa: N818  no error: the pass has given all that is needed
    """Ends a forward pass."""


class _Pass:
    """What a forward pass under taps has given so far."""

    def __init__(self) -> None:
        self.caught: dict[Place, Any] = {}
        self.calls: dict[_Spot, int] = {}


class Taps:
    """Hooks on the places of one model; they are inert outside of `run` and gone after `remove`.

    Args:
        model: any module; wrappers of torch.compile and DDP are looked through.
        places: what to catch.
        forward: what runs instead of the whole model, made of its own modules.
        until: place behind which the pass ends, if it is said by hand.
    """

    def __init__(
        self,
        model: nn.Module,
        places: Iterable[Place],
        forward: nn.Module | None = None,
        until: Place | None = None,
    ) -> None:
        self._model = unwrap(model)
        self._forward = forward or model
        self._until = until
        self._pass: _Pass | None = None
        self._exit: tuple[_Spot, int] | None = None
        self._is_cut = False
        self._copied: frozenset[Place] = frozenset()
        self._places: dict[_Spot, list[tuple[Place, Place]]] = {}  # as it is asked for, and as the model has it
        for place in sorted({replace(place, view=None) for place in places}, key=str):
            found = find_place(self._model, place)
            self._places.setdefault(_spot(found), []).append((place, found))
        if until is not None:
            self._places.setdefault(_spot(find_place(self._model, until)), [])
        self._handles = [self._attach(spot) for spot in self._places]

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the model is tapped, so that it need not run."""
        return not any(self._places.values())

    @property
    def end(self) -> str | None:
        """Path of the module behind which a pass ends, None where no module would follow."""
        return self._exit[0].module if self._exit is not None and self._is_cut else None

    def run(self, inputs: Inputs, targets: Any = None) -> dict[Place, Any]:
        """Return what one forward pass gives at the places, in at least float32.

        Args:
            inputs: images [B C H W], named tensors, or a list of images.
            targets: what a detector in training mode is called with beside its images.
        """
        caught = self._go(inputs, targets).caught
        return {place: _as_activation(value) for place, value in caught.items()}

    @torch.no_grad()
    def probe(self, inputs: Inputs, targets: Any = None) -> dict[Place, Any]:
        """Run once without an early end, and find out where later passes may end and what must be copied.

        A place whose tensor is overwritten later in the pass (in-place ReLU) is copied from now on.

        Raises:
            SpecError: a place was not reached, or gives no tensor.
        """
        self._exit, self._copied = None, frozenset()
        order: list[tuple[_Spot, int]] = []
        num_calls: list[int] = []  # of any module, up to each event in `order`
        called: list[nn.Module] = []
        versions: dict[Place, tuple[Tensor, int]] = {}

        def watch(spot: _Spot, call: int) -> None:
            order.append((spot, call))
            num_calls.append(len(called))

        handle = nn.modules.module.register_module_forward_pre_hook(lambda module, _: called.append(module))
        try:
            found = self._go(inputs, targets, watch, versions)
        finally:
            handle.remove()
        for spot, places in self._places.items():
            for place, _ in places:
                if place not in found.caught:
                    raise self._refuse(place, found.calls.get(spot, 0))
        for place, value in found.caught.items():
            _check_tensor(place, value)
        self._copied = frozenset(place for place, (tensor, old) in versions.items() if tensor._version != old)  # noqa: SLF001
        self._exit = self._find_exit(order)
        self._is_cut = self._exit is not None and num_calls[order.index(self._exit)] < len(called)
        return {place: _as_activation(value) for place, value in found.caught.items()}

    def remove(self) -> None:
        """Take the hooks off the model."""
        for handle in self._handles:
            handle.remove()

    def _go(
        self,
        inputs: Inputs,
        targets: Any,
        watch: Callable[[_Spot, int], None] | None = None,
        versions: dict[Place, tuple[Tensor, int]] | None = None,
    ) -> _Pass:
        self._pass, self._watch, self._versions = _Pass(), watch, versions
        try:
            call_model(self._forward, inputs, targets)
        except _Exit:
            pass
        finally:
            found, self._pass = self._pass, None
        return found

    def _attach(self, spot: _Spot) -> RemovableHandle:
        module = self._model.get_submodule(spot.module)
        if spot.side == "in":
            return module.register_forward_pre_hook(
                lambda _, args, kwargs: self._catch(spot, (args, kwargs)), with_kwargs=True
            )
        return module.register_forward_hook(lambda _, __, output: self._catch(spot, output))

    def _catch(self, spot: _Spot, value: Any) -> None:
        if self._pass is None:
            return
        call = self._pass.calls.get(spot, 0)
        self._pass.calls[spot] = call + 1
        for place, found in self._places[spot]:
            if found.call is None or found.call == call:
                entry = select_argument(value, found.key) if spot.side == "in" else select_entry(value, found.key)
                self._keep(self._pass, place, entry)
        if self._watch is not None:
            self._watch(spot, call)
        if self._exit == (spot, call):
            raise _Exit

    def _keep(self, current: _Pass, place: Place, value: Any) -> None:
        if isinstance(value, Tensor):
            if place in self._copied:
                value = value.clone()
            if self._versions is not None:
                self._versions[place] = value, value._version  # noqa: SLF001  the only way to see an in-place change
        current.caught[place] = value

    def _find_exit(self, order: Sequence[tuple[_Spot, int]]) -> tuple[_Spot, int] | None:
        """Return the call behind which nothing is needed any more, None where that is the end of the model."""
        last = dict(order)
        needed = {
            (spot, last[spot] if found.call is None else found.call)
            for spot, places in self._places.items()
            for _, found in places
        }
        ends = [position for position, event in enumerate(order) if event in needed]
        if self._until is not None:
            spot = _spot(find_place(self._model, self._until))
            if spot not in last:
                raise self._refuse(self._until, 0)
            end = order.index((spot, last[spot]))
            late = [order[position][0].module for position in ends if position > end]
            if late:
                message = f"the forward pass would end behind {self._until.path!r}, before {late[0]!r}, which is tapped"
                raise SpecError([Problem("", "section_too_short", message, self._until.path)])
            ends.append(end)
        if not ends:
            return None
        event = order[max(ends)]
        return None if event[0].module == "" else event

    def _refuse(self, place: Place, num_calls: int) -> SpecError:
        if num_calls:
            times = "once" if num_calls == 1 else f"{num_calls} times"
            message = f"{place.path!r} is called {times} in a forward pass, so there is no call {place.call}"
            return SpecError([Problem("", "place_not_reached", message, place.call, f"0 to {num_calls - 1}")])
        message = f"a forward pass of {type(self._model).__name__} never reaches {str(place)!r}"
        return SpecError([Problem("", "place_not_reached", message, place.path)])


def call_model(model: nn.Module, inputs: Inputs, targets: Any = None) -> Any:
    """Call a model the way its inputs ask for: a tensor, keyword tensors, or a list of images.

    Targets that are dictionaries (boxes) are given to a model in training mode: detectors return their own losses then.
    A model in double precision is given its floating-point inputs in double precision.
    """
    weight = next(model.parameters(), None)
    if weight is not None and weight.dtype == torch.float64:
        inputs = _widen(inputs)
    if isinstance(inputs, Mapping):
        return model(**inputs)
    images = inputs if isinstance(inputs, Tensor) else list(inputs)
    return model(images, targets) if model.training and isinstance(targets, Sequence) else model(images)


def _widen(inputs: Inputs) -> Inputs:
    if isinstance(inputs, Tensor):
        return inputs.double() if inputs.is_floating_point() else inputs
    if isinstance(inputs, Mapping):
        return {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in inputs.items()}
    return [image.double() for image in inputs]


def _spot(place: Place) -> _Spot:
    return _Spot(place.path, place.side)


def _check_tensor(place: Place, value: Any) -> None:
    if isinstance(value, Tensor):
        return
    if value is None and place.key is not None:
        message = f"{str(place)!r} gives no tensor: there is no entry {place.key!r}"
        raise SpecError([Problem("", "place_not_tensor", message, place.key, ())])
    if isinstance(value, Mapping):
        kind, allowed = "a dictionary", tuple(map(str, value))
    elif isinstance(value, Sequence):
        kind, allowed = f"{len(value)} values", tuple(map(str, range(len(value))))
    else:
        kind, allowed = "no tensor" if value is None else f"a {type(value).__name__}", ()
    message = f"{str(place)!r} gives {kind}; name the entry by `key`"
    raise SpecError([Problem("", "place_not_tensor", message, place.key, allowed)])


def _as_activation(value: Any) -> Any:
    return at_least_float32(value) if isinstance(value, Tensor) else value
