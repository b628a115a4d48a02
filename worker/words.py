"""What the ranks of a further node leave as their last words, read without trust."""

from __future__ import annotations

import signal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from server.jobs.members import NodeEnd
from worker.outcome import STOPPED


class _Failure(BaseModel):
    model_config = ConfigDict(extra="ignore")

    reason: str
    message: str = ""


class _Words(BaseModel):
    """The file that a rank, or its launcher, leaves when it fails."""

    model_config = ConfigDict(extra="ignore")

    time: float
    failure: _Failure
    is_bereft: bool = False


def describe_end(node: int, exit_code: int, folder: Path, *, was_asked: bool) -> NodeEnd:
    """Return how a node ended: with a reason where one of its ranks was the cause, not where it lost the others.

    Args:
        node: number of the node.
        exit_code: of its engine.
        folder: of the attempt on this node.
        was_asked: whether its supervisor had asked it to stop.
    """
    if exit_code in (0, STOPPED):
        return NodeEnd(node, exit_code)
    words = [found for path in (folder / "ranks").glob("[0-9]*.json") if (found := _read(path)) is not None]
    causes = sorted((found for found in words if not found.is_bereft), key=lambda found: found.time)
    if causes:
        return NodeEnd(node, exit_code, causes[0].failure.reason, causes[0].failure.message)
    if words or was_asked:
        return NodeEnd(node, exit_code)
    how = (
        f"was killed by signal {-exit_code} ({signal.strsignal(-exit_code)})"
        if exit_code < 0
        else "left without a word"
    )
    return NodeEnd(node, exit_code, "rank_failed", f"the engine of node {node} {how}; the node's log may tell more")


def _read(path: Path) -> _Words | None:
    try:
        return _Words.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
