"""Views of the list of jobs that the owner of a key keeps; nobody else sees them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from server.access import CallerOf
from server.jobs.saved_views import (
    add_saved_view,
    change_saved_view,
    find_saved_view,
    list_saved_views,
    remove_saved_view,
)
from server.routes.body import body_of, describe_json
from server.routes.query import KnownQuery
from server.service import ReadSession
from server.views import Page, whole_page
from server.views.saved import SavedViewView
from server.writing import WriteSession, name_target

router = APIRouter(prefix="/v1/views", tags=["views"], dependencies=[Depends(KnownQuery())])


class SavedViewBody(BaseModel):
    """A view to keep."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1, max_length=120, description="What it is called; one of the key's views each.")
    query: str = Field(
        max_length=4096, description="Query of the dashboard's address: filters, order, columns. Without the `?`."
    )


Kept = Annotated[SavedViewBody, Depends(body_of(SavedViewBody))]
_EXAMPLE = {"name": "failures of mine", "query": "state=failed&label.team=mine&sort=-created_at"}


@router.get("", summary="List saved views")
def list_views(session: ReadSession, caller: CallerOf) -> Page[SavedViewView]:
    """Return the caller's views, by name."""
    found = list_saved_views(session, caller.key_id)
    page: Page[SavedViewView] = whole_page([SavedViewView.model_validate(view) for view in found])
    return page


@router.post(
    "",
    status_code=201,
    summary="Save a view",
    openapi_extra=describe_json(SavedViewBody, _EXAMPLE),
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Address of the view."}}},
        409: {},
    },
)
def save_view(
    session: WriteSession, caller: CallerOf, body: Kept, request: Request, response: Response
) -> SavedViewView:
    """Keep a way of looking at the list of jobs."""
    view = add_saved_view(session, caller.key_id, name=body.name, query=body.query)
    name_target(request, view.id)
    response.headers["Location"] = f"/v1/views/{view.id}"
    return SavedViewView.model_validate(view)


@router.put(
    "/{view_id}",
    summary="Change a saved view",
    openapi_extra=describe_json(SavedViewBody, _EXAMPLE),
    responses={404: {}, 409: {}},
)
def change_view(session: WriteSession, caller: CallerOf, view_id: str, body: Kept) -> SavedViewView:
    """Give a view another name or query."""
    view = find_saved_view(session, caller.key_id, view_id)
    change_saved_view(session, view, name=body.name, query=body.query)
    return SavedViewView.model_validate(view)


@router.delete("/{view_id}", status_code=204, summary="Delete a saved view", responses={404: {}})
def delete_view(session: WriteSession, caller: CallerOf, view_id: str) -> None:
    """Keep a view no longer."""
    remove_saved_view(session, find_saved_view(session, caller.key_id, view_id))
