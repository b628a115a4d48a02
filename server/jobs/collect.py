"""Collection of bytes that nothing names any more, in two phases: marked when first seen unused, removed a grace later.

Whoever uses a blob says so with `add_blob` in the transaction that names it, which takes the mark away. The bytes go
before their row, so a collector that dies in between leaves a row that the next one finishes. Bytes that were put into
the store during the grace are not touched whatever the rows say: their row may be on its way.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from server.artifacts import ArtifactStore
from server.jobs.database import Database, change_rows, now
from server.jobs.tables import Artifact, Blob, Checkpoint, Upload
from server.jobs.uploads import COMPLETE


def mark_unused(session: Session) -> int:
    """Mark the blobs that nothing names, and no others; return how many are marked now that were not."""
    change_rows(session, update(Blob).where(Blob.unused_since.is_not(None), _is_named()).values(unused_since=None))
    unused = (Blob.unused_since.is_(None), ~_is_named())
    return change_rows(session, update(Blob).where(*unused).values(unused_since=now(session)))


def sweep_unused(database: Database, store: ArtifactStore, grace_s: float, limit: int) -> int:
    """Remove the blobs that were marked a grace ago and are unused still; return how many."""
    with database.read() as session:
        old = (Blob.unused_since < now(session) - timedelta(seconds=grace_s), ~_is_named())
        digests = session.scalars(select(Blob.sha256).where(*old).order_by(Blob.unused_since).limit(limit)).all()
    return sum(_sweep(database, store, sha256, grace_s) for sha256 in digests)


def sweep_unknown(database: Database, store: ArtifactStore, grace_s: float, shard: int) -> int:
    """Remove bytes of one of 256 parts of the store that have no row a grace after they came; return how many.

    Attempts that died between store and database leave them.
    """
    with database.read() as session:
        before = now(session) - timedelta(seconds=grace_s)
        known = set(session.scalars(select(Blob.sha256).where(Blob.sha256.startswith(f"{shard:02x}"))))
    unknown = [
        sha256 for sha256, modified_at in store.list_shard(shard) if sha256 not in known and modified_at < before
    ]
    return sum(_sweep(database, store, sha256, grace_s) for sha256 in unknown)


def _sweep(database: Database, store: ArtifactStore, sha256: str, grace_s: float) -> bool:
    """Remove one blob, unless something names it by now or its bytes have just come again."""
    with database.write() as session:
        session.scalar(select(Blob).where(Blob.sha256 == sha256).with_for_update())
        if session.scalar(select(Blob.sha256).where(Blob.sha256 == sha256, _is_named())) is not None:
            return False
        if _is_fresh(store.modified_at(sha256), now(session) - timedelta(seconds=grace_s)):
            return False
        store.delete(sha256)
        change_rows(session, delete(Blob).where(Blob.sha256 == sha256))
    return True


def _is_fresh(modified_at: datetime | None, before: datetime) -> bool:
    return modified_at is not None and modified_at >= before


def _is_named() -> ColumnElement[bool]:
    """Whether an artifact, a checkpoint or a whole upload names the blob."""
    upload = (Upload.sha256 == Blob.sha256, Upload.state == COMPLETE, Upload.deleted_at.is_(None))
    return or_(
        select(Artifact.id).where(Artifact.sha256 == Blob.sha256).exists(),
        select(Checkpoint.id).where(Checkpoint.sha256 == Blob.sha256).exists(),
        select(Upload.id).where(*upload).exists(),
    )
