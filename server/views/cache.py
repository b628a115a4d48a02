"""What the API shows of stored teacher outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from server.views.base import Moment, Page, View


class CacheEntryView(View):
    """Outputs of a teacher that are stored in a folder of the workers."""

    object: Literal["teacher_cache_entry"] = "teacher_cache_entry"
    id: str
    key: str = Field(description="Hash of all that has a say in the outputs.")
    root: str = Field(description="Name of the folder.")
    facts: dict[str, Any] = Field(description="Model, view, rows, columns.")
    is_ready: bool = Field(description="Whether it is complete; else a run is storing it.")
    size: int = Field(description="Bytes on disk.")
    num_hits: int = Field(description="Runs that read what another run had stored.")
    saved_s: float = Field(description="Seconds of teachers' device time that readers did not spend.")
    created_at: Moment
    used_at: Moment
    delete_requested_at: Moment | None


class CachePage(Page[CacheEntryView]):
    """A page of stored teacher outputs, and what all of them come to."""

    num_entries: int
    size: int
    num_hits: int
    saved_s: float


class CacheRemovalView(View):
    """Stored teacher outputs that are to be removed, one entry a folder."""

    object: Literal["teacher_cache_removal"] = "teacher_cache_removal"
    data: Sequence[CacheEntryView]
