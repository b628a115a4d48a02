"""A model in two at a place: what runs up to it, and what runs behind it, as modules that share the model's own.

Traced by torch.fx, and only where the place lies inside: all other modules are called as they are. The parts hold
nothing that they do not run, and their modules keep the paths that they have in the model.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import fx, nn

from distill_core.errors import Problem, SpecError
from distill_core.place import Place, find_place

__all__ = ["take_head", "take_tail"]


def take_head(model: nn.Module, path: str, pointer: str = "") -> fx.GraphModule:
    """Return what a model computes up to a place: it takes the model's input and returns what flows there.

    Args:
        model: a model of one input; its modules are shared, and it stays as it is.
        path: feature point or module path, `.pre` at its end allowed.
        pointer: where the path stands in a spec.

    Raises:
        SpecError: there is no such place, or the forward pass around it is no fixed program.
    """
    return _split(model, path, pointer, _end_at)


def take_tail(model: nn.Module, path: str, pointer: str = "") -> fx.GraphModule:
    """Return what a model computes behind a place: it takes what flows there and returns the model's output.

    Args:
        model: a model of one input; its modules are shared, and it stays as it is.
        path: feature point or module path, `.pre` at its end allowed.
        pointer: where the path stands in a spec.

    Raises:
        SpecError: as in `take_head`, or more than what flows through the place is needed behind it.
    """
    return _split(model, path, pointer, _begin_at)


def _split(model: nn.Module, path: str, pointer: str, cut: Callable[[fx.Graph, fx.Node], None]) -> fx.GraphModule:
    try:
        tracer = _Tracer(find_place(model, Place(path)))
        graph = tracer.trace(model, _list_defaults(model))
        cut(graph, tracer.node)
        _forget_unused(graph)
        part = fx.GraphModule(model, graph, type(model).__name__)
    except SpecError as error:
        raise type(error)([replace(problem, pointer=pointer) for problem in error.problems]) from None
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:  # what tracing ends in, varies
        message = f"{type(model).__name__} cannot be split at {path!r}: {str(error).partition(chr(10))[0]}"
        raise SpecError([Problem(pointer, "model_unsplittable", message, path)]) from error
    part.delete_all_unused_submodules()
    return part


class _Tracer(fx.Tracer):
    """Traces a forward pass, and notes what flows through a place."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._seen: list[Any] = []

    @property
    def node(self) -> fx.Node:
        """What flows through the place, at the last call of its module."""
        node: fx.Node = self._seen[-1].node
        return node

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether a module stays whole: all do that the place is not inside of."""
        return not self._place.path.startswith(f"{module_qualified_name}.")

    def call_module(self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Trace a call, and keep what is given or returned at the place."""
        output = super().call_module(m, forward, args, kwargs)
        if self.path_of_module(m) == self._place.path:
            self._seen.append(args[0] if self._place.side == "in" else output)
        return output


def _end_at(graph: fx.Graph, node: fx.Node) -> None:
    end = graph.output_node()
    end.args = (node,)


def _begin_at(graph: fx.Graph, node: fx.Node) -> None:
    first = next(iter(graph.nodes))
    with graph.inserting_before(first):
        start = graph.placeholder("features")
    node.replace_all_uses_with(start)
    _forget_unused(graph)
    if first.users:
        raise ValueError("what lies behind needs the input as well")
    graph.erase_node(first)


def _forget_unused(graph: fx.Graph) -> None:
    for node in reversed(graph.nodes):
        if node.op not in {"output", "placeholder"} and not node.users:
            graph.erase_node(node)


def _list_defaults(model: nn.Module) -> dict[str, Any]:
    """Return the arguments behind the first, with the values that they have when left out."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    return {parameter.name: parameter.default for parameter in parameters[1:]}
