"""Why a rank failed, in a file that the other ranks and the launcher read: one of them is the run's failure."""

from __future__ import annotations

import json
import logging
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distill_core.engine.failure import Failure, classify
from distill_core.files import save_file
from distill_core.rank import current_rank

__all__ = ["LastWords", "describe_end", "find_cause", "forget_words", "tell_failure", "write_words"]

PATIENCE_S = 5.0
"""How long rank 0 waits for the words of a rank that it lost."""
POLL_S = 0.05
LOST = ("DistBackendError", "DistNetworkError", "DistStoreError")
"""Names of torch's errors about the other side; torch itself may not be loaded."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LastWords:
    """How one rank failed.

    Attributes:
        rank: which one.
        time: when, in seconds since 1970.
        failure: reason and message.
        is_bereft: it only saw other ranks go, so theirs is the cause.
    """

    rank: int
    time: float
    failure: Failure
    is_bereft: bool = False

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of the event `failed`."""
        return {**self.failure.as_fields(), "rank": self.rank}


def tell_failure(folder: Path, error: Exception) -> dict[str, Any]:
    """Leave word of the error that ended this process, and return the fields of the event `failed`.

    Rank 0 speaks for all: when it has only lost the others, it returns what became of them.
    """
    rank = current_rank()
    if rank is None:
        return classify(error).as_fields()
    words = _describe_error(rank, error)
    write_words(folder, words)
    if rank == 0 and words.is_bereft:
        words = _await_cause(folder) or words
    return words.as_fields()


def describe_end(rank: int, code: int) -> LastWords:
    """Return the words for a rank that ended without any, by its exit code or minus its signal."""
    if code < 0:
        hint = "; the kernel kills like this when memory runs out" if -code == signal.SIGKILL else ""
        message = f"rank {rank} was killed by signal {-code}{hint}"
    else:
        message = f"rank {rank} ended with exit code {code} and no word; the log may tell more"
    return LastWords(rank, time.time(), Failure("rank_failed", "rank_failed", message))


def write_words(folder: Path, words: LastWords) -> None:
    """Write ranks/<rank>.json; a disk that is full is logged, since the failure itself matters more."""
    content = json.dumps(asdict(words)).encode()
    try:
        save_file(_path(folder, words.rank), lambda file: file.write(content))
    except OSError:
        logger.exception("the last words of rank %d could not be written", words.rank)


def forget_words(folder: Path, rank: int) -> None:
    """Remove what an earlier run left in the folder."""
    _path(folder, rank).unlink(missing_ok=True)


def find_cause(folder: Path) -> LastWords | None:
    """Return the earliest words of a rank that did not merely lose the others; those of such a one if all did."""
    words = [_read(path) for path in (folder / "ranks").glob("[0-9]*.json")]
    return min(words, key=lambda one: (one.is_bereft, one.time, one.rank), default=None)


def _describe_error(rank: int, error: Exception) -> LastWords:
    if not _is_about_others(error):
        return LastWords(rank, time.time(), classify(error))
    message = f"rank {rank} lost the other ranks: {error}"
    return LastWords(rank, time.time(), Failure("rank_failed", "rank_failed", message), is_bereft=True)


def _is_about_others(error: Exception) -> bool:
    """Return whether torch says that another rank is gone; gloo's errors bear no class of their own."""
    return type(error).__name__ in LOST or (isinstance(error, RuntimeError) and "gloo" in str(error))


def _await_cause(folder: Path) -> LastWords | None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        cause = find_cause(folder)
        if cause is not None and not cause.is_bereft:
            return cause
        time.sleep(POLL_S)
    return find_cause(folder)


def _path(folder: Path, rank: int) -> Path:
    return folder / "ranks" / f"{rank}.json"


def _read(path: Path) -> LastWords:
    document: dict[str, Any] = json.loads(path.read_bytes())
    return LastWords(**document | {"failure": Failure(**document["failure"])})
