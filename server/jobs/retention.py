"""Old checkpoints go: an attempt is resumed from one of the newest, and each may be as large as its models."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.jobs.database import change_rows
from server.jobs.lease import Claim, write_guarded
from server.jobs.tables import Artifact, Blob, Checkpoint, Upload

NUM_KEPT = 2


def forget_old_checkpoints(session: Session, claim: Claim) -> list[str]:
    """Delete all but the newest checkpoints of a job.

    Returns:
        The sha256 of the bytes that nothing names any more; they may leave the store once this is committed.

    Raises:
        LeaseLostError: the job belongs to another attempt now.
    """
    write_guarded(session, claim)
    newest_first = select(Checkpoint.id, Checkpoint.sha256).where(Checkpoint.job_id == claim.job_id)
    old = session.execute(
        newest_first.order_by(Checkpoint.attempt.desc(), Checkpoint.step.desc()).offset(NUM_KEPT)
    ).all()
    change_rows(session, delete(Checkpoint).where(Checkpoint.id.in_([row.id for row in old])))
    digests = {row.sha256 for row in old}
    named = select(Checkpoint.sha256).union(select(Artifact.sha256), select(Upload.sha256)).subquery()
    digests -= set(session.scalars(select(named.c.sha256).where(named.c.sha256.in_(digests))))
    change_rows(session, delete(Blob).where(Blob.sha256.in_(digests)))
    return sorted(digests)
