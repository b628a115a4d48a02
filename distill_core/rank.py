"""Which rank of a run this process is, by torchrun's environment variables. Needs no torch."""

from __future__ import annotations

import os

__all__ = ["STORE_DESCRIPTOR", "current_rank"]

STORE_DESCRIPTOR = "STILLHOUSE_STORE_DESCRIPTOR"
"""Environment variable: number of the listening socket at MASTER_PORT that rank 0 was given by its launcher."""


def current_rank() -> int | None:
    """Return the rank of this process among those of its run, None when it runs alone."""
    is_rank = os.environ.get("RANK", "").isdigit() and os.environ.get("WORLD_SIZE") != "1"
    return int(os.environ["RANK"]) if is_rank else None
