"""Small cache entries, and a process of its own that opens one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill_core.cache import Column, OutputCache, attach, open_cache
from tests.architecture.tree import ROOT

RUN = "run"
ROWS, VARIANTS = 20, 2
COLUMNS = (Column("logits", (5,)), Column("stage2.pre", (3, 2, 2), "fp16"))
GENEROUS = 10**9


def outputs(variant: int, rows: Tensor) -> dict[str, Tensor]:
    """Return what the teacher of these tests says of rows [b]: a function of variant and row alone."""
    base = (rows + 100 * variant).float()
    maps = base[:, None, None, None] + torch.arange(12.0).view(3, 2, 2) / 8
    return {"logits": (base[:, None] + torch.arange(5)).sin(), "stage2.pre": maps}


def open_small(
    root: Path, token: str = RUN, *, columns: Sequence[Column] = COLUMNS, max_bytes: int = GENEROUS, **identity: Any
) -> OutputCache:
    """Open the entry that an identity names."""
    return open_cache(root, {"teacher": "a" * 64, **identity}, ROWS, VARIANTS, columns, max_bytes, token)


def fill(cache: OutputCache, batch: int = 8) -> None:
    """Write what is missing, in batches."""
    for variant in range(VARIANTS):
        for rows in cache.missing(variant).split(batch):
            cache.write(variant, rows, outputs(variant, rows))


def complete(root: Path, token: str = RUN, **identity: Any) -> str:
    """Make a complete entry, let go of it and return its key."""
    cache = open_small(root, token, **identity)
    fill(cache)
    cache.seal()
    cache.close()
    return cache.key


@contextmanager
def started(root: Path, command: str, argument: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that opens an entry and tells what it has done, a line each; kill it in the end."""
    arguments = [sys.executable, "-m", "tests.distill_core.cache.caches", str(root), command, argument]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.kill()


def tell(process: subprocess.Popen[str]) -> str:
    """Return the next line of a started process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _open_and_wait(root: Path, token: str) -> None:
    cache = open_small(root, token)
    _say(cache.mode)
    sys.stdin.read()


def _fill_slowly(root: Path, token: str) -> None:
    cache = open_small(root, token)
    for row in torch.randperm(ROWS).split(1):
        cache.write(0, row, outputs(0, row))
        _say(str(int(row)))
    sys.stdin.read()


def _attach_and_fill(root: Path, key: str) -> None:
    cache = attach(root, key)
    rows = torch.arange(1, ROWS, 2)
    for variant in range(VARIANTS):
        cache.write(variant, rows, outputs(variant, rows))
    _say(cache.mode)


if __name__ == "__main__":
    commands = {"open": _open_and_wait, "fill": _fill_slowly, "attach": _attach_and_fill}
    commands[sys.argv[2]](Path(sys.argv[1]), sys.argv[3])
