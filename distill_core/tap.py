"""Taps: forward hooks that hand out what flows through the named places of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from distill_core.errors import Problem, SpecError
from distill_core.spec.nearest import nearest_names
from distill_core.tensors import at_least_float32

__all__ = ["LOGITS", "Activations", "Place", "Taps", "forward_views"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a model: a feature point or module path, and which side of the module."""

    path: str
    side: Literal["out", "in"] = "out"


LOGITS = Place("logits")

Activations = Mapping[Place, Tensor]


class Taps:
    """Hooks on the places of one model; they are inert outside of `run` and gone after `remove`."""

    def __init__(self, model: nn.Module, places: Iterable[Place]) -> None:
        self._model = model
        self._caught: dict[Place, Tensor] | None = None
        self._handles = [self._attach(place) for place in sorted(set(places), key=str)]

    def run(self, images: Tensor) -> dict[Place, Tensor]:
        """Return the activations of one forward pass, in at least float32; the last call of a module counts."""
        self._caught = {}
        try:
            self._model(images)
            return {place: at_least_float32(tensor) for place, tensor in self._caught.items()}
        finally:
            self._caught = None

    def remove(self) -> None:
        """Take the hooks off the model."""
        for handle in self._handles:
            handle.remove()

    def _attach(self, place: Place) -> Any:
        module = find_module(self._model, place.path)
        if place.side == "in":
            return module.register_forward_pre_hook(lambda _, inputs: self._catch(place, inputs[0]))
        return module.register_forward_hook(lambda _, __, output: self._catch(place, output))

    def _catch(self, place: Place, tensor: Tensor) -> None:
        if self._caught is not None:
            self._caught[place] = tensor


def find_module(model: nn.Module, path: str) -> nn.Module:
    """Return the module at a feature point or module path.

    Raises:
        SpecError: the model has neither; lists the nearest names.
    """
    points: Mapping[str, str] = getattr(model, "feature_points", {})
    modules = dict(model.named_modules())
    module: nn.Module | None = modules.get(points.get(path, path))
    if module is None:
        names = (*points, *filter(None, modules))
        message = f"{type(model).__name__} has no feature point or module {path!r}"
        raise SpecError([Problem("", "unknown_name", message, path, names, nearest_names(path, names))])
    return module


def forward_views(
    run: Callable[[Tensor], Mapping[Place, Tensor]], images: Mapping[str, Tensor]
) -> dict[str, Activations]:
    """Run a model over several views of the same samples: one forward over the concatenation of equal-shaped views.

    BatchNorm's statistics are then joint over those views.

    Args:
        run: forward pass from images [B C H W] to activations.
        images: view -> images [B C H W].

    Returns:
        View -> its rows of the activations.
    """
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for view, tensor in images.items():
        by_shape.setdefault(tuple(tensor.shape), []).append(view)
    activations: dict[str, Activations] = {}
    for views in by_shape.values():
        activations |= _forward_together(run, {view: images[view] for view in views})
    return activations


def _forward_together(
    run: Callable[[Tensor], Mapping[Place, Tensor]], images: Mapping[str, Tensor]
) -> dict[str, Activations]:
    if len(images) == 1:
        return {view: run(tensor) for view, tensor in images.items()}
    caught = run(torch.cat(list(images.values())))
    parts = {place: tensor.chunk(len(images)) for place, tensor in caught.items()}
    return {view: {place: part[row] for place, part in parts.items()} for row, view in enumerate(images)}
