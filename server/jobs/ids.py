"""Ids that sort by time: a prefix for the kind of object and a ULID."""

from __future__ import annotations

from typing import Literal

from ulid import ULID

Kind = Literal["job", "att", "ckpt", "art", "wrk", "dev", "key", "whk", "msg", "upl", "view", "swp"]


def new_id(kind: Kind) -> str:
    """Return a fresh id such as `job_01J9Z3…`."""
    return f"{kind}_{ULID()}"
