"""What became of a run that failed, in words that a program can act on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from distill_core.errors import SpecError, StillhouseError

__all__ = ["Failure", "classify"]

HINTS = {
    "disk_full": "make room there, or raise the limit of its files, and resume the run from its last checkpoint",
    "cuda_oom": "take a smaller batch_size, or more parts of it (accumulate), or resume the run on a larger GPU",
    "host_oom": "take a smaller batch_size, more parts of it (accumulate) or fewer loader_workers, or resume the run "
    "with more memory",
}
"""Reason -> what a person can do."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The fields of the event `failed`."""

    reason: str
    code: str
    message: str
    problems: list[dict[str, Any]] = field(default_factory=list)

    def as_fields(self) -> dict[str, Any]:
        """Return the fields as plain JSON data."""
        return asdict(self)


def classify(error: Exception) -> Failure:
    """Return the reason of an error that ended a run."""
    if isinstance(error, SpecError):
        problems = [problem.as_dict() for problem in error.problems]
        return Failure("spec_rejected_at_start", error.code, str(error), problems)
    if isinstance(error, StillhouseError):
        return Failure(error.code, error.code, str(error))
    for behind in _chain(error):
        reason = _find_reason(behind)
        if reason is not None:
            return Failure(reason, reason, f"{_describe(behind, error)}; {HINTS[reason]}")
    return Failure("exit_code", "unexpected_error", _describe(error, error))


def _describe(behind: BaseException, error: BaseException) -> str:
    """Return an error in one line, with what was noted of its circumstances; torch adds its own stack to some."""
    first, *_ = str(behind).splitlines() or [""]
    return ", ".join([f"{type(behind).__name__}: {first}", *getattr(error, "__notes__", ())])


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those behind it: torch answers a full disk with an error of its own."""
    behind: BaseException | None = error
    while behind is not None:
        yield behind
        behind = behind.__cause__ or behind.__context__


def _find_reason(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "disk_full"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return "host_oom"
    if type(error).__name__ == "OutOfMemoryError":  # torch's, for any accelerator; torch itself may not be loaded
        return "cuda_oom"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "host_oom"
    return None
