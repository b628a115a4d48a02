"""What engines say, made fit for every database: PostgreSQL refuses NUL, lone surrogates and NaN in JSON."""

from __future__ import annotations

import math
from typing import Any

_REPLACEMENT = "\ufffd"


def storable(value: Any) -> Any:
    """Return JSON data with refused characters replaced by U+FFFD and numbers that are not finite as their names."""
    if isinstance(value, str):
        return value.replace("\x00", _REPLACEMENT).encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {storable(key): storable(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [storable(child) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
