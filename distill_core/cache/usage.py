"""What an entry was good for: its teacher's cost as its builder measured it, and who read it since.

ROOT/<key>/cost.json       seconds of the teacher for so many rows
ROOT/<key>/usage.jsonl     a line a run that read rows: rows, and the seconds that they would have cost

Both are for people: an entry without them is as good as any other.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from distill_core.files import save_file

__all__ = ["note_cost", "note_reads", "read_cost"]

_COST, _USAGE = "cost.json", "usage.jsonl"

logger = logging.getLogger(__name__)


def note_cost(folder: Path, num_rows: int, seconds: float) -> None:
    """Write down what the teacher took for so many rows of an entry."""
    content = json.dumps({"num_rows": num_rows, "seconds": seconds}).encode()
    save_file(folder / _COST, lambda file: file.write(content))


def read_cost(folder: Path) -> float:
    """Return the teacher's seconds a row, 0 where nobody has measured them."""
    try:
        document = json.loads((folder / _COST).read_bytes())
        return float(document["seconds"]) / int(document["num_rows"])
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return 0.0


def note_reads(folder: Path, num_rows: int, *, is_hit: bool) -> None:
    """Add a line for a run that has read rows.

    Args:
        folder: the entry.
        num_rows: rows that one process has read.
        is_hit: whether it counts as a use of what another run has stored; one process of a run says so.
    """
    line = {"num_rows": num_rows, "saved_s": num_rows * read_cost(folder), "is_hit": is_hit}
    try:
        descriptor = os.open(folder / _USAGE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
    except OSError:
        logger.exception("the use of %s was not written down", folder)
