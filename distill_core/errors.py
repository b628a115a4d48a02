"""Every error that Stillhouse raises on purpose.

StillhouseError
├── SpecError               the experiment spec asks for something that cannot be
│   └── UnknownNameError    a name that no registry holds
├── DataError               a data set is missing or is not what it claims
├── WeightsError            a weight file is missing, unreadable or fits another model
├── CheckpointError         a checkpoint is damaged or belongs to another run
├── CacheError              a cache of teacher outputs cannot be made, read or trusted
├── DistributedError        the processes of a run lost one another
├── ExportError             the student cannot be exported, or the export computes something else
├── DivergedError           a loss became NaN or infinite
├── TimeLimitError          the run took longer than its spec allows
└── Stopped                 the run was asked to stop and has saved a checkpoint
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = [
    "CacheError",
    "CheckpointError",
    "DataError",
    "DistributedError",
    "DivergedError",
    "ExportError",
    "Problem",
    "SpecError",
    "StillhouseError",
    "Stopped",
    "TimeLimitError",
    "UnknownNameError",
    "WeightsError",
]

NUM_ALLOWED_SHOWN = 8


class StillhouseError(Exception):
    """Something went wrong that a person can act on; `code` is stable and machine-readable."""

    code = "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an experiment spec.

    Attributes:
        pointer: JSON pointer (RFC 6901) to the place, "" for the whole document.
        code: stable snake_case word for the kind of problem.
        message: what is wrong, in a sentence.
        value: the offending value as it was sent (shortened when long), None where it is absent.
        allowed: what may stand there: names, or a sentence with the bounds.
        nearest: the allowed names most like the value, best first.
    """

    pointer: str
    code: str
    message: str
    value: Any = None
    allowed: Sequence[str] | str | None = None
    nearest: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as plain JSON data."""
        return asdict(self)

    def __str__(self) -> str:
        """Return the line that people read: place, message, and the nearest names or else what is allowed."""
        return f"{self.pointer or '/'}: {self.message}{self._hint()}"

    def _hint(self) -> str:
        if self.nearest:
            return f" Did you mean {' or '.join(repr(name) for name in self.nearest)}?"
        if not self.allowed:
            return ""
        allowed = self.allowed if isinstance(self.allowed, str) else ", ".join(self.allowed[:NUM_ALLOWED_SHOWN])
        more = ", ..." if not isinstance(self.allowed, str) and len(self.allowed) > NUM_ALLOWED_SHOWN else ""
        return f" (allowed: {allowed}{more})"


class SpecError(StillhouseError):
    """The experiment spec asks for something that cannot be; lists every problem found."""

    code = "spec_invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnknownNameError(SpecError):
    """A name that no registry holds."""

    code = "unknown_name"


class DataError(StillhouseError):
    """A data set is missing or is not what it claims."""

    code = "data_missing"


class WeightsError(StillhouseError):
    """A weight file is missing, unreadable or fits another model."""

    code = "weights_invalid"


class CheckpointError(StillhouseError):
    """A checkpoint is damaged or belongs to another run."""

    code = "checkpoint_invalid"


class CacheError(StillhouseError):
    """A cache of teacher outputs cannot be made, read or trusted."""

    code = "cache_unusable"


class DistributedError(StillhouseError):
    """The processes of a run lost one another."""

    code = "rank_failed"


class ExportError(StillhouseError):
    """The student cannot be exported, or the export computes something else."""

    code = "export_failed"


class DivergedError(StillhouseError):
    """A loss became NaN or infinite."""

    code = "nan_loss"


class TimeLimitError(StillhouseError):
    """The run took longer than its spec allows."""

    code = "max_runtime"


class Stopped(StillhouseError):  # noqa: N818  not an error for the person: the run did as it was told
    """The run was asked to stop and has saved a checkpoint."""

    code = "stopped"
