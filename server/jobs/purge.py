"""What is old goes: jobs that were deleted, with all that hangs on them, and records that nobody reads any more."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from server.jobs.database import Database, change_rows, now
from server.jobs.states import TERMINAL
from server.jobs.tables import (
    Artifact,
    Attempt,
    AuditEntry,
    BrowserSession,
    Checkpoint,
    Device,
    Event,
    IdempotencyKey,
    Job,
    JobLabel,
    JobNeed,
    JobSpec,
    JobUpload,
    Judgement,
    LogChunk,
    Member,
    Metric,
    MetricLatest,
    MetricRollup,
    Sweep,
    Trial,
    Upload,
    Webhook,
    WebhookDelivery,
)

DELIVERY_DAYS = 30
"""Days for which it can be read how messages to webhooks went, and which uploads there were."""

AUDIT_DAYS = 400
"""Days for which it can be read who did what."""

_OF_JOBS = (
    Artifact,
    Checkpoint,
    Event,
    Member,
    JobLabel,
    JobSpec,
    JobUpload,
    IdempotencyKey,
    MetricLatest,
    Trial,
    Judgement,
)


def delete_finished(session: Session, days: float) -> int:
    """Delete the jobs that ended so many days ago, as a person would; return how many."""
    moment = now(session)
    old = (Job.state.in_(TERMINAL), Job.deleted_at.is_(None), Job.finished_at < moment - timedelta(days=days))
    return change_rows(session, update(Job).where(*old).values(deleted_at=moment, updated_at=moment))


def purge_deleted(database: Database, days: float, limit: int) -> int:
    """Remove the rows of jobs that were deleted so many days ago; return how many jobs.

    The bytes that only they named are collected after them. A job that another one waits for stays until then, and one
    whose student is being exported. Exports go with the job.
    """
    with database.read() as session:
        needed = select(JobNeed.needed_id).join(Job, Job.id == JobNeed.job_id).where(Job.state.not_in(TERMINAL))
        exported = select(Job.export_of).where(Job.export_of.is_not(None), Job.state.not_in(TERMINAL))
        old = (Job.deleted_at < now(session) - timedelta(days=days), Job.state.in_(TERMINAL))
        query = select(Job.id).where(*old, Job.id.not_in(needed), Job.id.not_in(exported)).order_by(Job.id).limit(limit)
        job_ids = session.scalars(query).all()
        exports = session.scalars(select(Job.id).where(Job.export_of.in_(job_ids))).all()
    for job_id in dict.fromkeys([*exports, *job_ids]):
        _purge(database, job_id)
    return len(job_ids)


def forget_records(session: Session) -> None:
    """Drop old messages and entries of the audit, uploads and webhooks long gone, empty sweeps, ended sessions."""
    moment = now(session)
    limit = moment - timedelta(days=DELIVERY_DAYS)
    gone = select(Webhook.id).where(Webhook.deleted_at < limit)
    old = or_(WebhookDelivery.finished_at < limit, WebhookDelivery.webhook_id.in_(gone))
    change_rows(session, delete(WebhookDelivery).where(old))
    change_rows(session, delete(Webhook).where(Webhook.deleted_at < limit))
    change_rows(session, delete(Upload).where(Upload.deleted_at < limit))
    change_rows(session, delete(Sweep).where(~select(Trial.job_id).where(Trial.sweep_id == Sweep.id).exists()))
    change_rows(session, delete(AuditEntry).where(AuditEntry.created_at < moment - timedelta(days=AUDIT_DAYS)))
    change_rows(session, delete(BrowserSession).where(BrowserSession.expires_at < moment))


def _purge(database: Database, job_id: str) -> None:
    """Remove a job's rows: values one metric at a time, so that no transaction is long, then the rest at once."""
    with database.read() as session:
        keys = session.scalars(select(MetricLatest.key_id).where(MetricLatest.job_id == job_id)).all()
    for key in keys:
        with database.write() as session:
            change_rows(session, delete(Metric).where(Metric.job_id == job_id, Metric.key_id == key))
            change_rows(session, delete(MetricRollup).where(MetricRollup.job_id == job_id, MetricRollup.key_id == key))
    with database.write() as session:
        _purge_rest(session, job_id)


def _purge_rest(session: Session, job_id: str) -> None:
    attempts = select(Attempt.id).where(Attempt.job_id == job_id)
    change_rows(session, delete(LogChunk).where(LogChunk.attempt_id.in_(attempts)))
    for table in (*_OF_JOBS, Metric, MetricRollup, Attempt):
        change_rows(session, delete(table).where(table.job_id == job_id))
    change_rows(session, delete(JobNeed).where(or_(JobNeed.job_id == job_id, JobNeed.needed_id == job_id)))
    change_rows(session, update(Device).where(Device.job_id == job_id).values(job_id=None, token=None))
    change_rows(session, update(Job).where(Job.parent_id == job_id).values(parent_id=None))
    change_rows(session, delete(Job).where(Job.id == job_id))
