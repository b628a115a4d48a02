from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from server.jobs.attempts import Ending
from server.jobs.database import change_rows, now
from server.jobs.finish import Outcome, StoredArtifact, finish
from server.jobs.ids import new_id
from server.jobs.lines import Line, MetricsLine, RunStarted
from server.jobs.logs import append_log
from server.jobs.outbox import add_test
from server.jobs.purge import AUDIT_DAYS, DELIVERY_DAYS, delete_finished, forget_records, purge_deleted
from server.jobs.record import Batch, ingest
from server.jobs.states import State
from server.jobs.tables import AuditEntry, Job, JobNeed, Table, Webhook, WebhookDelivery
from server.jobs.verbs import cancel_job
from server.jobs.webhooks import add_webhook, remove_webhook
from tests.server.house import START
from tests.server.jobs.ground import Ground

SHA256 = "a" * 64


def make_job(ground: Ground) -> str:
    """Return a job with rows in every table that has any."""
    claim = ground.start_job()
    lines: list[Line] = [
        RunStarted(type="run_started", time=START),
        MetricsLine(type="metrics", time=START, step=1, epoch=1.0, values={"train/loss": 0.5, "val/loss": 0.6}),
    ]
    with ground.database.write() as session:
        ingest(session, claim, Batch(lines, 0, 2))
        append_log(session, claim, 0, b"the log", max_bytes=1000)
        student = StoredArtifact("student", "student.safetensors", SHA256, 1)
        finish(session, claim, Outcome(State.SUCCEEDED, Ending(exit_code=0)), artifacts=[student])
    return claim.job_id


def count(ground: Ground) -> dict[str, int]:
    with ground.database.read() as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Table.metadata.sorted_tables
        }
    return {name: number for name, number in counts.items() if number}


def date(ground: Ground, job_id: str, **columns: float) -> None:
    """Set times of a job to so many days ago."""
    with ground.database.write() as session:
        moment = now(session)
        values = {name: moment - timedelta(days=days) for name, days in columns.items()}
        change_rows(session, update(Job).where(Job.id == job_id).values(values))


def purge(ground: Ground) -> int:
    return purge_deleted(ground.database, 7, 10)


def test_a_job_deleted_long_ago_leaves_no_row(ground: Ground) -> None:
    before = count(ground)
    job_id = make_job(ground)
    date(ground, job_id, deleted_at=8)
    assert purge(ground) == 1
    left = count(ground)
    for name in ("workers", "devices", "projects", "blobs", "metric_keys", "leases", "facts"):
        left.pop(name, None)
    assert (before, left) == ({}, {})


def test_jobs_that_are_not_deleted_or_were_just_now_stay(ground: Ground) -> None:
    kept, fresh = make_job(ground), make_job(ground)
    date(ground, fresh, deleted_at=6)
    assert purge(ground) == 0
    assert ground.job(kept).deleted_at is None
    assert len(ground.events(fresh)) > 0


def test_a_job_that_another_one_waits_for_stays_until_that_is_over(ground: Ground) -> None:
    needed, waiting = make_job(ground), ground.submit()
    with ground.database.write() as session:
        session.add(JobNeed(job_id=waiting, needed_id=needed))
    date(ground, needed, deleted_at=8)
    assert purge(ground) == 0
    with ground.database.write() as session:
        cancel_job(session, waiting, "user")
    assert purge(ground) == 1
    assert ground.job(waiting).state == State.CANCELLED


def test_the_copies_of_a_purged_job_stay(ground: Ground) -> None:
    parent, child = make_job(ground), ground.submit()
    with ground.database.write() as session:
        change_rows(session, update(Job).where(Job.id == child).values(parent_id=parent))
    date(ground, parent, deleted_at=8)
    assert purge(ground) == 1
    assert ground.job(child).parent_id is None


def test_finished_jobs_of_a_certain_age_are_deleted(ground: Ground) -> None:
    old, young, queued = make_job(ground), make_job(ground), ground.submit()
    date(ground, old, finished_at=31)
    date(ground, young, finished_at=29)
    date(ground, queued, created_at=100)
    with ground.database.write() as session:
        assert delete_finished(session, 30) == 1
    assert [ground.job(job_id).deleted_at is None for job_id in (old, young, queued)] == [False, True, True]


def test_old_messages_and_entries_of_the_audit_go_and_young_ones_stay(ground: Ground) -> None:
    with ground.database.write() as session:
        moment = now(session)
        webhook = add_webhook(session, project="default", url="https://example.org", types=["job.failed"])
        removed = add_webhook(session, project="default", url="https://example.org", types=["job.failed"])
        deliveries = [add_test(session, hook) for hook in (webhook, webhook, removed)]
        remove_webhook(session, removed)
        removed.deleted_at = deliveries[0].finished_at = moment - timedelta(days=DELIVERY_DAYS + 1)
        deliveries[1].finished_at = moment - timedelta(days=DELIVERY_DAYS - 1)
        for days in (AUDIT_DAYS + 1, AUDIT_DAYS - 1):
            entry = AuditEntry(actor=new_id("wrk"), action="submit", created_at=moment - timedelta(days=days))
            session.add(entry)
    with ground.database.write() as session:
        forget_records(session)
    with ground.database.read() as session:
        assert list(session.scalars(select(WebhookDelivery.id))) == [deliveries[1].id]
        assert list(session.scalars(select(Webhook.id))) == [webhook.id]
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 1
