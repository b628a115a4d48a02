"""Terms of an objective, and what those who read criteria share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stillhouse.torchdistill.ledger import Part
from stillhouse.torchdistill.places import Scope, is_logits, unwrap

ROLES = ("student", "teacher")

Term = dict[str, Any]
Terms = dict[str, Term]


@dataclass(frozen=True, slots=True)
class Entry:
    """A criterion of a file.

    Attributes:
        name: of the term.
        key: of the criterion.
        criterion: what the file says of it.
        wrapper: what gives it the activations, for the losses of torch.
        weight: its factor in the sum.
    """

    name: str
    key: str
    criterion: Part
    wrapper: Part
    weight: float

    @property
    def kwargs(self) -> Part:
        """The options of the criterion."""
        return self.criterion.find("kwargs")


Read = Callable[[Entry, Scope], Terms]
ReadAll = Callable[[list[Entry], Scope], Terms]


def make_term(
    method: str, weight: float, params: Mapping[str, Any] | None = None, parts: Mapping[str, float] | None = None
) -> Term:
    """Return a term; factors of parts that are 1 are left out."""
    factors = {name: tidy(factor) for name, factor in (parts or {}).items() if factor != 1}
    term: Term = {"method": method, "weight": tidy(weight)}
    return term | ({"parts": factors} if factors else {}) | ({"params": dict(params)} if params else {})


def tidy(weight: float) -> float:
    """Return a weight without the last bits that 1 - 0.9 leaves."""
    return weight if float(weight).is_integer() else float(f"{weight:.12g}")


def demand(part: Part, *allowed: Any, because: str) -> None:
    """Take an option that has no counterpart here, and say why where its value is none of those that are meant."""
    value = part.take()
    if part and value not in allowed:
        part.lose(f"{value!r:.60}: {because}")


def demand_logits(kwargs: Part, scope: Scope, kind: str = "module") -> None:
    """Take the places of a method that is about the predictions of both."""
    for role in ROLES:
        path, io = kwargs.find(f"{role}_{kind}_path"), kwargs.find(f"{role}_{kind}_io")
        if not is_logits(scope.place(path, io, teacher=role == "teacher")):
            path.lose("the method compares the predictions of the models")


def find_places(kwargs: Part, scope: Scope, kind: str = "module") -> dict[str, Any]:
    """Return the places of both that are no predictions, as options."""
    params: dict[str, Any] = {}
    for role in ROLES:
        path, io = kwargs.find(f"{role}_{kind}_path"), kwargs.find(f"{role}_{kind}_io")
        place = scope.place(path, io, teacher=role == "teacher")
        if not is_logits(place):
            params[f"{role}_place"] = place
    return params


def find_wrapped_places(scope: Scope) -> dict[str, Any]:
    """Return the places whose outputs go through modules that torchdistill puts around both models."""
    params: dict[str, Any] = {}
    for role in ROLES:
        kwargs = scope.wrapper(role)
        module = kwargs.find("input_module")
        path = module.find("path") if module else kwargs.find("input_module_path")
        params[f"{role}_place"] = scope.place(path, module.find("io"), teacher=role == "teacher")
    return params


def find_module(path: Part, holder: str, modules: Part) -> Part | None:
    """Return what the file says of the module that a path such as `connector_dict.first` means; None for another."""
    prefix, _, name = unwrap(str(path.take())).partition(".")
    return modules.find(name) if prefix == holder and modules.find(name) else None


def take_options(kwargs: Part, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the numbers that are said, by our names instead of torchdistill's."""
    return {ours: kwargs.find(theirs).take_number() for theirs, ours in names.items() if kwargs.find(theirs)}
