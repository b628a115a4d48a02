"""The one door from the client to the engine: what makes a torch module of a student's file."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from stillhouse.client.errors import PartMissingError


def find_loader() -> Callable[[Path], Any]:
    """Return the engine's loader of students.

    It is imported by name when it is asked for, so that the client stays free of torch.

    Raises:
        PartMissingError: the engine is not installed here.
    """
    try:
        loader: Callable[[Path], Any] = import_module("distill_core.weights").load_student
    except ModuleNotFoundError as error:
        raise PartMissingError(
            f"{error.name} is not installed here, and a student is a torch module: pip install 'stillhouse[engine]'"
        ) from error
    return loader
