"""One registry for models, data sets and methods: a component is found because its file lies in the package."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from distill_core.errors import Problem, SpecError, UnknownNameError
from distill_core.spec.config import Config
from distill_core.spec.nearest import nearest_names
from distill_core.spec.shape import find_shape_problems

__all__ = ["Component", "Registry", "summarise"]


class Component(Protocol):
    """What can be registered: a class that is built from its validated options."""

    Params: ClassVar[type[Config]]

    def __init__(self, params: Any) -> None: ...


C = TypeVar("C", bound=Component)
Concrete = TypeVar("Concrete", bound=type)


class Registry(Generic[C]):
    """Components of one kind by key; the modules of `package` are imported when the first one is asked for."""

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._components: dict[str, type[C]] = {}
        self._is_complete = False

    def register(self, key: str) -> Callable[[Concrete], Concrete]:
        """Return a decorator that makes a class known as `key`."""

        def add(component: Concrete) -> Concrete:
            if key in self._components:
                raise ValueError(f"two {self.kind}s are called {key!r}")
            self._components[key] = component
            return component

        return add

    def __iter__(self) -> Iterator[str]:
        """Yield the keys in alphabetical order."""
        self._complete()
        return iter(sorted(self._components))

    def find(self, key: str, pointer: str = "") -> type[C]:
        """Return the component called `key`.

        Raises:
            UnknownNameError: there is none; the problem stands at `pointer` and lists the nearest names.
        """
        self._complete()
        if key not in self._components:
            names = tuple(self)
            message = f"no {self.kind} is called {key!r}"
            raise UnknownNameError([Problem(pointer, "unknown_name", message, key, names, nearest_names(key, names))])
        return self._components[key]

    def create(self, key: str, params: Mapping[str, Any], pointer: str = "") -> C:
        """Build the component called `key` from options as they stand in a spec.

        Raises:
            SpecError: the key is unknown or the options are not what the component takes.
        """
        component = self.find(key, pointer)
        problems = find_shape_problems(component.Params, dict(params))
        if problems:
            raise SpecError([_moved(problem, f"{pointer}/params") for problem in problems])
        try:
            return component(component.Params.model_validate(params))
        except SpecError as error:  # what only building it shows
            raise type(error)([_moved(problem, pointer) for problem in error.problems]) from None

    def key_of(self, component: type) -> str:
        """Return the key that `component` is registered under."""
        self._complete()
        return next(key for key, known in self._components.items() if known is component)

    def _complete(self) -> None:
        if not self._is_complete:
            self._is_complete = True
            for module in pkgutil.iter_modules(import_module(self._package).__path__):
                import_module(f"{self._package}.{module.name}")


def summarise(component: type) -> str:
    """Return the first line of a component's docstring."""
    return (inspect.getdoc(component) or "").partition("\n")[0]


def _moved(problem: Problem, prefix: str) -> Problem:
    return Problem(
        prefix + problem.pointer, problem.code, problem.message, problem.value, problem.allowed, problem.nearest
    )
