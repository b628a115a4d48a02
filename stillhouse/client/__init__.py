"""The Python client of a Stillhouse server."""

from stillhouse.client.address import find_home, find_url
from stillhouse.client.client import Client
from stillhouse.client.errors import (
    ConflictError,
    DamagedDownloadError,
    InvalidRequestError,
    NotFoundError,
    PreconditionError,
    RefusedError,
    ServerUnreachableError,
    WaitTimeoutError,
)
from stillhouse.client.observe import Snapshot, observe
from stillhouse.client.results import (
    TERMINAL_STATES,
    Artifact,
    Attempt,
    Checkpoint,
    Event,
    Job,
    LogChunk,
    MetricRow,
    MetricSummary,
    Point,
    QueueEntry,
    Range,
    Series,
    Worker,
)

__all__ = [
    "TERMINAL_STATES",
    "Artifact",
    "Attempt",
    "Checkpoint",
    "Client",
    "ConflictError",
    "DamagedDownloadError",
    "Event",
    "InvalidRequestError",
    "Job",
    "LogChunk",
    "MetricRow",
    "MetricSummary",
    "NotFoundError",
    "Point",
    "PreconditionError",
    "QueueEntry",
    "Range",
    "RefusedError",
    "Series",
    "ServerUnreachableError",
    "Snapshot",
    "WaitTimeoutError",
    "Worker",
    "find_home",
    "find_url",
    "observe",
]
