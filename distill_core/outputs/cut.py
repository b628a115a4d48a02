"""The part of a model up to a place, as a module of its own: what a device runs that sends the rest elsewhere.

Traced by torch.fx, in eval mode; a stage of a run is cut by an early exit instead, which no export can follow.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from distill_core.errors import ExportError, SpecError
from distill_core.outputs.copying import copy_to_cpu
from distill_core.outputs.export import attempting, measure_difference
from distill_core.outputs.samples import move_samples
from distill_core.place import Place, find_place, select_argument, select_entry
from distill_core.probe import give_feature_points
from distill_core.tap import Taps, call_model
from distill_core.tensors import Inputs

__all__ = ["cut_module"]

MAX_DIFFERENCE = 1e-5
"""Share of the largest value that a cut module may be off: attention takes another kernel where hooks are."""


def cut_module(model: nn.Module, place: Place, inputs: Inputs) -> nn.Module:
    """Return a copy of a model, on the CPU and in eval mode, that ends at a place and holds nothing behind it.

    Its parameters have the names that they have in the model, which stays as it is.

    Args:
        model: what is cut.
        place: what the cut module returns; feature points and `.pre` are understood.
        inputs: real samples, on which it is compared with what the model gives at the place.

    Raises:
        ExportError: there is no such place, the forward pass is no fixed program up to there, or the cut module
            computes something else.
    """
    twin, samples = copy_to_cpu(model), move_samples(inputs, torch.device("cpu"))
    what = f"{type(model).__name__} cannot be cut behind {str(place)!r}"
    try:
        give_feature_points(twin, samples)
        found = find_place(twin, place)
        expected = _tap(twin, place, samples)
    except SpecError as error:
        raise ExportError(f"{what}: {error.problems[0].message}") from error
    with attempting(what), torch.no_grad():
        module = _trace(twin, found, samples)
        difference = measure_difference(expected, call_model(module, samples))
    if not difference <= MAX_DIFFERENCE:  # NaN is refused too
        raise ExportError(
            f"{what}: what torch.fx traced computes something else, off by {difference:.3g} of the largest value; "
            "a forward pass that depends on more than its inputs' values cannot be cut"
        )
    return module


def _tap(model: nn.Module, place: Place, inputs: Inputs) -> Tensor:
    """Return what a model gives at a place; a probe copies what is overwritten later in the pass."""
    taps = Taps(model, [place])
    try:
        (tensor,) = taps.probe(inputs).values()
        (tensor,) = taps.run(inputs).values()
    finally:
        taps.remove()
    result: Tensor = tensor
    return result


def _trace(model: nn.Module, place: Place, inputs: Inputs) -> nn.Module:
    """Return the modules and operations that what flows through a place is made by."""
    tracer = _Tracer(place)
    given = tuple(inputs) if isinstance(inputs, Mapping) else _name_first(model)
    graph = tracer.trace(model, _settle(model, given))
    (end,) = (node for node in graph.nodes if node.op == "output")
    end.args = (tracer.found(end.args[0]),)
    for node in reversed(graph.nodes):
        is_input = node.op == "placeholder" and node.target in given
        if node is not end and not node.users and not is_input:
            graph.erase_node(node)
    module = fx.GraphModule(model, graph, type(model).__name__)
    module.delete_all_unused_submodules()
    return module.eval()


def _name_first(model: nn.Module) -> tuple[str, ...]:
    return tuple(inspect.signature(model.forward).parameters)[:1]


def _settle(model: nn.Module, given: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments that are not given, with the values that they have then."""
    parameters = inspect.signature(model.forward).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.name not in given}


class _Tracer(fx.Tracer):
    """Traces a forward pass and notes what flows through a place, inside of a container too."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._seen: list[Any] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether a module stays whole: torch's own, unless the place lies inside."""
        is_around = self._place.path.startswith(f"{module_qualified_name}.")
        return not is_around and super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Trace a call, and keep what is given or returned at the place."""
        output = super().call_module(m, forward, args, kwargs)
        if self.path_of_module(m) == self._place.path:
            is_input = self._place.side == "in"
            key = self._place.key
            self._seen.append(select_argument((args, kwargs), key) if is_input else select_entry(output, key))
        return output

    def found(self, output: Any) -> Any:
        """Return the node of the place; the model itself is called by no one, so that its output is given here."""
        if not self._place.path:
            return select_entry(output, self._place.key)
        return self._seen[-1 if self._place.call is None else self._place.call].node
