"""What people import: the client of a Stillhouse server. Everything is loaded when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill_core.errors import SpecError, StillhouseError
    from stillhouse.client import Client

__all__ = ["Client", "SpecError", "StillhouseError"]

_HOMES = {
    "Client": "stillhouse.client",
    "SpecError": "distill_core.errors",
    "StillhouseError": "distill_core.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
