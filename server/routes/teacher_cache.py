"""Stored teacher outputs: what lies in the workers' cache folders, and what it saved."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from distill_core.errors import Problem
from server.jobs.caches import count_entries, list_entries, request_removal
from server.jobs.tables import CacheEntry
from server.problems import NotFoundError, QueryInvalidError
from server.routes.query import KnownQuery, Limit
from server.service import ReadSession
from server.views.cache import CacheEntryView, CachePage, CacheRemovalView
from server.writing import WriteSession

router = APIRouter(prefix="/v1/teacher-cache", tags=["teacher cache"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="List stored teacher outputs")
def list_teacher_cache(
    session: ReadSession,
    limit: Limit = 20,
    after: Annotated[str | None, Query(max_length=160, description="Id of the last entry of the page before.")] = None,
) -> CachePage:
    """Return a page of entries by key, with what all entries take and what they saved; workers report each minute."""
    page = list_entries(session, after=None if after is None else _read_id(after), limit=limit)
    totals = count_entries(session)
    views = [_view(entry) for entry in page.rows]
    return CachePage(
        data=views,
        first_id=views[0].id if views else None,
        last_id=views[-1].id if views else None,
        has_more=page.has_more,
        num_entries=totals.num_entries,
        size=totals.size,
        num_hits=totals.num_hits,
        saved_s=totals.saved_s,
    )


@router.delete("/{key}", status_code=202, summary="Remove stored teacher outputs", responses={404: {}})
def remove_stored_outputs(session: WriteSession, key: str) -> CacheRemovalView:
    """Ask for an entry to be removed; a worker that sees its folder does so as soon as no run uses it."""
    entries = request_removal(session, key)
    if not entries:
        raise NotFoundError(f"no worker has reported teacher outputs under the key {key!r}")
    return CacheRemovalView(data=[_view(entry) for entry in entries])


def _view(entry: CacheEntry) -> CacheEntryView:
    fields = {name: getattr(entry, name) for name in CacheEntryView.model_fields if hasattr(entry, name)}
    return CacheEntryView.model_validate(fields | {"id": f"{entry.key}:{entry.root}"})


def _read_id(after: str) -> tuple[str, str]:
    key, colon, root = after.partition(":")
    if not colon:
        problem = Problem(
            "/after", "parameter_invalid", "no entry has this id", after, "KEY:ROOT, the last_id of a page"
        )
        raise QueryInvalidError("the parameter 'after' is not valid", [problem])
    return key, root
