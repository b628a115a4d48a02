"""What a key may do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """A right; `admin` holds all others, and what belongs to no project."""

    JOBS_READ = "jobs:read"  # see jobs, their metrics, logs and events, workers, components
    JOBS_WRITE = "jobs:write"  # submit, change and end jobs
    ARTIFACTS_READ = "artifacts:read"  # download what jobs made
    ADMIN = "admin"  # keys, projects, workers, audit
