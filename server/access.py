"""Who calls: the key behind a request, the project that it may see, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends

from server.jobs.errors import UnknownJobError
from server.jobs.tables import Job

DEFAULT_PROJECT = "default"


class Scope(StrEnum):
    """What a key may do."""

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    ARTIFACTS_READ = "artifacts:read"
    ADMIN = "admin"  # everything, in every project


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a key, as far as one request goes.

    Attributes:
        key_id: id of the key.
        project: the one project that it may see; None for all.
        scopes: what it may do.
    """

    key_id: str
    project: str | None
    scopes: frozenset[Scope]

    @property
    def home(self) -> str:
        """The project that it works in where it names none."""
        return self.project or DEFAULT_PROJECT

    def check_job(self, job: Job) -> Job:
        """Return a job that this caller may see.

        Raises:
            UnknownJobError: it may not, which is told as if there were none.
        """
        if self.project is not None and job.project != self.project:
            raise UnknownJobError(job.id)
        return job


async def identify() -> Caller:
    """Return who sends a request."""
    return Caller("key_local", None, frozenset(Scope))


CallerOf = Annotated[Caller, Depends(identify)]
