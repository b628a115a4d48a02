"""The Python client of a Stillhouse server."""

from stillhouse.client.address import find_home, find_key, find_url
from stillhouse.client.client import Client
from stillhouse.client.errors import (
    ConflictError,
    DamagedDownloadError,
    InvalidRequestError,
    KeyRefusedError,
    NotFoundError,
    RefusedError,
    ServerUnreachableError,
    WaitTimeoutError,
)
from stillhouse.client.observe import Snapshot, observe
from stillhouse.client.results import (
    TERMINAL_STATES,
    Artifact,
    Attempt,
    Event,
    Job,
    Key,
    LogChunk,
    MetricRow,
    MetricSummary,
    Point,
    Series,
    Upload,
    Worker,
)

__all__ = [
    "TERMINAL_STATES",
    "Artifact",
    "Attempt",
    "Client",
    "ConflictError",
    "DamagedDownloadError",
    "Event",
    "InvalidRequestError",
    "Job",
    "Key",
    "KeyRefusedError",
    "LogChunk",
    "MetricRow",
    "MetricSummary",
    "NotFoundError",
    "Point",
    "RefusedError",
    "Series",
    "ServerUnreachableError",
    "Snapshot",
    "Upload",
    "WaitTimeoutError",
    "Worker",
    "find_home",
    "find_key",
    "find_url",
    "observe",
]
