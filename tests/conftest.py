"""Fixtures that any test may ask for: real services, a real browser, and the two sets of stores."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import hypothesis

os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(Path(__file__).parents[1] / ".cache/hypothesis")
os.environ["OMP_NUM_THREADS"] = "1"  # threads of torch spin when cores are shared; set before anything imports it

hypothesis.settings.register_profile("shared", deadline=None)  # a neighbour's load is no failure of ours
hypothesis.settings.load_profile("shared")

pytest_plugins = [
    "tests.services.postgres",
    "tests.services.redis",
    "tests.services.s3",
    "tests.services.stores",
    "tests.services.chromium",
]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter of bytes by its argument: archives hold the time, and processes must collect the same ids."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_finish() -> None:
    """Take what was loaded so far out of the sight of the garbage collector, which goes through it again and again."""
    gc.collect()
    gc.freeze()
