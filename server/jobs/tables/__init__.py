"""Every table of the service; Alembic's migrations must make exactly this schema."""

from server.jobs.tables.base import Table, UTCDateTime
from server.jobs.tables.files import Artifact, Blob, CacheEntry, Checkpoint, Upload
from server.jobs.tables.jobs import IdempotencyKey, Job, JobLabel, JobNeed, JobSpec, JobUpload, Project
from server.jobs.tables.measures import LogChunk, Metric, MetricKey, MetricLatest, MetricRollup
from server.jobs.tables.people import ApiKey, AuditEntry, BrowserSession, Fact, SavedView, Webhook, WebhookDelivery
from server.jobs.tables.runs import Attempt, Device, Event, Lease, Member, Worker
from server.jobs.tables.sweeps import Judgement, Sweep, Trial

__all__ = [
    "ApiKey",
    "Artifact",
    "Attempt",
    "AuditEntry",
    "Blob",
    "BrowserSession",
    "CacheEntry",
    "Checkpoint",
    "Device",
    "Event",
    "Fact",
    "IdempotencyKey",
    "Job",
    "JobLabel",
    "JobNeed",
    "JobSpec",
    "JobUpload",
    "Judgement",
    "Lease",
    "LogChunk",
    "Member",
    "Metric",
    "MetricKey",
    "MetricLatest",
    "MetricRollup",
    "Project",
    "SavedView",
    "Sweep",
    "Table",
    "Trial",
    "UTCDateTime",
    "Upload",
    "Webhook",
    "WebhookDelivery",
    "Worker",
]
