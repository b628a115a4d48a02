"""The names most like a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_names(name: object, names: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Return at most `most` of `names` that look like `name`, best first."""
    if not isinstance(name, str):
        return ()
    by_lower = {candidate.lower(): candidate for candidate in names}
    return tuple(by_lower[hit] for hit in get_close_matches(name.lower(), by_lower, n=most, cutoff=0.55))
