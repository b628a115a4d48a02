"""Reading the spec that a command is given."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from distill_core.spec import parse_document
from stillhouse.overrides import apply_overrides


def read_spec(source: str, overrides: Sequence[str] | None) -> Any:
    """Return the spec of a file, or of standard input for `-`, with the changes made.

    Raises:
        SpecError: the text is no spec document, or a change cannot be made.
    """
    if source == "-":
        raw = sys.stdin.buffer.read()
    else:
        path = Path(source)
        if not path.is_file():
            raise typer.BadParameter(f"there is no file {source}", param_hint="SPEC")
        raw = path.read_bytes()
    return apply_overrides(parse_document(raw), overrides or ())


def is_upload(source: str) -> bool:
    """Return whether what a command is given for a spec is the id of an upload that holds one."""
    return bool(re.fullmatch(r"upl_[0-9A-Z]{26}", source)) and not Path(source).exists()


def read_labels(labels: Sequence[str] | None) -> dict[str, str] | None:
    """Return labels written key=value as a dictionary."""
    pairs = [label.partition("=") for label in labels or ()]
    for key, equals, _ in pairs:
        if not (key and equals):
            raise typer.BadParameter("a label is written key=value", param_hint="--label")
    return {key: value for key, _, value in pairs} or None
