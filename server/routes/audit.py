"""The audit: who wrote what, when and from where."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from server.jobs.audit import list_audit
from server.routes.query import KnownQuery, Limit
from server.service import ReadSession
from server.views import AuditView, Page

router = APIRouter(prefix="/v1/audit", tags=["keys"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="Read the audit")
def read_audit(
    session: ReadSession,
    limit: Limit = 50,
    after: Annotated[int | None, Query(ge=1, lt=2**63, description="Number of the page's last predecessor.")] = None,
    actor: Annotated[str | None, Query(max_length=64, description="Only what this key did.")] = None,
) -> Page[AuditView]:
    """Return a page of what people wrote, the newest first."""
    page = list_audit(session, before=after, limit=limit, actor=actor)
    entries = [AuditView.model_validate(entry) for entry in page.rows]
    return Page(
        data=entries,
        first_id=str(entries[0].seq) if entries else None,
        last_id=str(entries[-1].seq) if entries else None,
        has_more=page.has_more,
    )
