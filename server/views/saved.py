"""What the API shows of saved views."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from server.views.base import Moment, View


class SavedViewView(View):
    """A way of looking at the list of jobs, kept by the owner of a key."""

    object: Literal["view"] = "view"
    id: str
    name: str
    query: str = Field(description="Query of the dashboard's address, without the question mark.")
    created_at: Moment
    updated_at: Moment
