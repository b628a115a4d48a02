"""What the API shows of projects."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from server.views.base import Moment, View


class ProjectView(View):
    """A room for jobs, with its limits."""

    object: Literal["project"] = "project"
    id: str
    max_devices: int | None = Field(description="Devices that its jobs may hold at once; null for no limit.")
    max_queued: int | None = Field(description="Jobs that may wait at once; null for no limit.")
    num_devices: int = Field(description="Devices that its jobs hold now.")
    num_queued: int = Field(description="Its jobs that wait now.")
    created_at: Moment
