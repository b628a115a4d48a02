"""Places: where in a model something is caught, by feature point or module path, and how it is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from distill_core.errors import Problem, SpecError
from distill_core.spec.nearest import nearest_names
from distill_core.spec.place import PRE, PlaceSpec

__all__ = [
    "LOGITS",
    "Place",
    "Side",
    "find_module",
    "find_part",
    "find_place",
    "list_feature_modules",
    "list_feature_points",
    "select_argument",
    "select_entry",
    "unwrap",
]

Side = Literal["out", "in"]

ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish,
    nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Hardtanh,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a model.

    Attributes:
        path: feature point or module path, "" for the model itself; with `.pre` at its end, what the last activation
            module there is given.
        side: what the module returns, or what it is given.
        key: entry of a dictionary or tuple that the module returns, `hidden_states.1` of one in another, or argument
            by name or position.
        call: which call of a module that is called several times; None is the last one.
        view: which view of the samples; None is the term's own.
    """

    path: str
    side: Side = "out"
    key: str | int | None = None
    call: int | None = None
    view: str | None = None

    @classmethod
    def from_spec(cls, spec: PlaceSpec) -> Place:
        """Return the place that a spec names."""
        return cls(spec.path, spec.side, spec.key, spec.call, spec.view)

    def __str__(self) -> str:
        """Return the place in one word, different for different places."""
        parts = [self.path or "model", *(f"{name}={value}" for name, value in self._particulars())]
        return " ".join(parts)

    def _particulars(self) -> list[tuple[str, Any]]:
        pairs = [("key", self.key), ("call", self.call), ("view", self.view)]
        side = [("side", "in")] if self.side == "in" else []
        return side + [(name, value) for name, value in pairs if value is not None]


LOGITS = Place("logits")


def unwrap(model: nn.Module) -> nn.Module:
    """Return the module inside of wrappers of torch.compile, DataParallel and DDP."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner


def list_feature_points(model: nn.Module) -> dict[str, Place]:
    """Return the feature points that a model declares, or was found to have."""
    points: Mapping[str, str | Place] = getattr(unwrap(model), "feature_points", {})
    return {
        name: Place(point, "in" if name.endswith(PRE) else "out") if isinstance(point, str) else point
        for name, point in points.items()
    }


def list_feature_modules(model: nn.Module) -> dict[str, str]:
    """Return the feature points that are what a module returns, and the paths of these modules."""
    return {name: place.path for name, place in list_feature_points(model).items() if place == Place(place.path)}


def find_place(model: nn.Module, place: Place) -> Place:
    """Return a place as module path, side, key and call, without feature points and `.pre`.

    Raises:
        SpecError: the model has no such place; lists the nearest names.
    """
    model = unwrap(model)
    points = list_feature_points(model)
    modules = dict(model.named_modules())
    point = points.get(place.path, Place(place.path))
    if point.path in modules:
        side: Side = "in" if "in" in (place.side, point.side) else "out"
        key = point.key if place.key is None else place.key
        return Place(point.path, side, key, point.call if place.call is None else place.call, place.view)
    if place.path.endswith(PRE):
        return _find_before_activation(model, replace(place, path=place.path.removesuffix(PRE)))
    names = (*points, *filter(None, modules))
    message = f"{type(model).__name__} has no feature point or module {place.path!r}"
    raise SpecError([Problem("", "unknown_name", message, place.path, names, nearest_names(place.path, names))])


def _find_before_activation(model: nn.Module, place: Place) -> Place:
    """Return what the last activation module inside of a place is given."""
    found = find_place(model, place)
    modules = model.get_submodule(found.path).named_modules()
    inside = [name for name, module in modules if isinstance(module, ACTIVATIONS)]
    if not inside or found.side != place.side:
        message = f"{place.path or type(model).__name__!r} holds no activation module, so there is nothing before it"
        raise SpecError([Problem("", "activation_missing", message, place.path + PRE)])
    path = ".".join(filter(None, (found.path, inside[-1])))
    return Place(path, "in", call=place.call, view=place.view)


def find_module(model: nn.Module, path: str) -> nn.Module:
    """Return the module at a feature point or module path; "" is the model itself.

    Raises:
        SpecError: the model has neither, which lists the nearest names, or what is there is no output of a module.
    """
    place = find_place(model, Place(path))
    if place != Place(place.path):
        message = f"{path!r} of {type(unwrap(model)).__name__} is no module; it is the place {str(place)!r}"
        raise SpecError([Problem("", "place_not_module", message, path, "a module path")])
    return unwrap(model).get_submodule(place.path)


def find_part(model: nn.Module, path: str) -> nn.Module:
    """Return the module of a part of the model: that at the module path, else that of the feature point.

    A feature point names the module whose output it is, often an activation; a part means what lies below a path.

    Raises:
        SpecError: the model has neither; lists the nearest names.
    """
    modules = dict(unwrap(model).named_modules())
    return modules[path] if path in modules else find_module(model, path)


def select_entry(value: Any, key: str | int | None) -> Any:
    """Return an entry of what a module returned, `a.b` of an entry in an entry; None where there is none."""
    if key is None or not isinstance(key, str) or (isinstance(value, Mapping) and key in value):
        return value if key is None else _enter(value, key)
    for step in key.split("."):
        value = _enter(value, step)
    return value


def _enter(value: Any, key: str | int) -> Any:
    """Return one entry; outputs of Hugging Face models are ordered dictionaries, their hidden states tuples."""
    if isinstance(key, str) and isinstance(value, Sequence) and key.isdecimal():
        key = int(key)
    elif isinstance(key, str) and not isinstance(value, Mapping):
        is_field = key in getattr(value, "_fields", ()) or key in getattr(value, "__dataclass_fields__", ())
        return getattr(value, key) if is_field else None  # never an attribute that merely happens to be there
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        return None


def select_argument(arguments: tuple[Sequence[Any], Mapping[str, Any]], key: str | int | None) -> Any:
    """Return an argument of a call by position or name, the first without a key; None where there is none."""
    positional, named = arguments
    if key is None:
        return positional[0] if positional else next(iter(named.values()), None)
    return select_entry(named if isinstance(key, str) else positional, key)
