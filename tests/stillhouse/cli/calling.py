"""The command line in this process: what it prints and how it ends, without most of a second for each start."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from stillhouse.cli import main

Run = Callable[..., subprocess.CompletedProcess[str]]
"""What the fixtures `run` give: `call` in a folder of the test."""


def call(folder: Path, *arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `stillhouse` with some arguments in a folder, by the function that the installed command calls."""
    words = ["stillhouse", *map(str, arguments)]
    output, notes = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(notes):
        patch.chdir(folder)
        patch.setattr("sys.argv", words)
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        with pytest.raises(SystemExit) as end:
            main()
    return subprocess.CompletedProcess(words, int(end.value.code or 0), _read(output), _read(notes))


def _read(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
