"""Uploads: files that people send in pieces, as rows. The bytes wait in a spool until all are here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from server.jobs.database import change_rows, lock, now
from server.jobs.errors import UnknownUploadError, UploadNeededError
from server.jobs.ids import new_id
from server.jobs.projects import ensure_project
from server.jobs.record import add_blob
from server.jobs.states import TERMINAL
from server.jobs.tables import Job, JobUpload, Upload

OPEN, COMPLETE = "open", "complete"

_NAMED = 20
IDLE_S = 24 * 3600
"""Seconds after which an upload that nobody goes on with is given up."""


def add_upload(
    session: Session, *, project: str, kind: str, name: str, size: int, sha256: str | None, created_by: str
) -> Upload:
    """Announce a file."""
    moment = now(session)
    ensure_project(session, project)
    upload = Upload(
        id=new_id("upl"),
        project=project,
        kind=kind,
        name=name,
        size=size,
        offset=0,
        sha256=sha256,
        state=OPEN,
        created_by=created_by,
        created_at=moment,
        updated_at=moment,
    )
    session.add(upload)
    session.flush()
    return upload


def list_uploads(session: Session, project: str | None, *, after: str | None, limit: int) -> list[Upload]:
    """Return uploads, the newest first; `project` None means those of all."""
    query = _visible(project).order_by(Upload.id.desc())
    return list(session.scalars((query if after is None else query.where(Upload.id < after)).limit(limit)))


def find_upload(session: Session, upload_id: str, project: str | None) -> Upload:
    """Return an upload that may be seen from `project`, or from everywhere.

    Raises:
        UnknownUploadError: there is none.
    """
    upload = session.scalar(_visible(project).where(Upload.id == upload_id))
    if upload is None:
        raise UnknownUploadError(upload_id)
    return upload


def move_offset(session: Session, upload_id: str, start: int, end: int) -> bool:
    """Note that the bytes up to `end` are here; False when the upload did not stand at `start` any more."""
    mine = (Upload.id == upload_id, Upload.state == OPEN, Upload.offset == start, Upload.deleted_at.is_(None))
    return bool(change_rows(session, update(Upload).where(*mine).values(offset=end, updated_at=now(session))))


def complete_upload(session: Session, upload_id: str, sha256: str, size: int) -> bool:
    """Note that the whole file is in the store; False when it was complete before, or removed meanwhile."""
    moment = now(session)
    add_blob(session, sha256, size)
    mine = (Upload.id == upload_id, Upload.state == OPEN, Upload.deleted_at.is_(None))
    values = {"state": COMPLETE, "sha256": sha256, "updated_at": moment, "finished_at": moment}
    return bool(change_rows(session, update(Upload).where(*mine).values(values)))


def hold_uploads(session: Session, upload_ids: Iterable[str]) -> None:
    """Let none of the uploads be removed before the transaction ends."""
    for upload_id in sorted(set(upload_ids)):
        lock(session, f"upload.{upload_id}")


def free_upload(session: Session, upload_id: str) -> None:
    """See to it that no job that is not over reads an upload, nor will one before the transaction ends.

    Raises:
        UploadNeededError: names the jobs.
    """
    hold_uploads(session, [upload_id])
    reading = (JobUpload.upload_id == upload_id, Job.state.not_in(TERMINAL), Job.deleted_at.is_(None))
    query = select(Job.id).join(JobUpload, JobUpload.job_id == Job.id).where(*reading).order_by(Job.id)
    if job_ids := session.scalars(query.limit(_NAMED + 1)).all():
        raise UploadNeededError(upload_id, job_ids[:_NAMED], has_more=len(job_ids) > _NAMED)


def remove_upload(session: Session, upload_id: str) -> None:
    """Remove an upload; the collector removes its bytes when nothing else names them."""
    moment = now(session)
    values = {"deleted_at": moment, "updated_at": moment}
    change_rows(session, update(Upload).where(Upload.id == upload_id).values(values))


def expire_uploads(session: Session) -> int:
    """Give up the uploads that nobody goes on with; return how many."""
    moment = now(session)
    idle = (Upload.state == OPEN, Upload.deleted_at.is_(None), Upload.updated_at < moment - timedelta(seconds=IDLE_S))
    return change_rows(session, update(Upload).where(*idle).values(deleted_at=moment))


def find_open(session: Session) -> set[str]:
    """Return the ids of the uploads whose bytes are still on their way."""
    return set(session.scalars(select(Upload.id).where(Upload.state == OPEN, Upload.deleted_at.is_(None))))


def read_upload_kinds(session: Session, upload_ids: Iterable[str], project: str | None) -> dict[str, str]:
    """Return the kind of each of the whole uploads, in one project where it is named."""
    wanted = (Upload.id.in_(set(upload_ids)), Upload.state == COMPLETE, Upload.deleted_at.is_(None))
    query = select(Upload.id, Upload.kind).where(*wanted)
    if project is not None:
        query = query.where(Upload.project == project)
    return dict(session.execute(query).all())


def find_spec_upload(session: Session, upload_id: str, project: str | None) -> str | None:
    """Return the sha256 of a whole upload that is a spec, None where there is none."""
    wanted = (Upload.id == upload_id, Upload.kind == "spec", Upload.state == COMPLETE)
    upload = session.scalar(_visible(project).where(*wanted))
    return None if upload is None else upload.sha256


def _visible(project: str | None) -> Select[Upload]:
    query = select(Upload).where(Upload.deleted_at.is_(None))
    return query if project is None else query.where(Upload.project == project)
