"""Projects: rooms for jobs, each with its limits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from server.access import Caller, CallerOf
from server.jobs.projects import create_project, limit_project, list_projects, read_usage
from server.jobs.tables import Project
from server.problems import NotFoundError, ProjectExistsError
from server.routes.body import LimitsBody, ProjectBody, body_of, describe_json
from server.routes.query import KnownQuery, Limit
from server.service import ReadSession
from server.views import Page
from server.views.projects import ProjectView
from server.writing import WriteSession

router = APIRouter(prefix="/v1/projects", tags=["projects"], dependencies=[Depends(KnownQuery())])

NewProject = Annotated[ProjectBody, Depends(body_of(ProjectBody))]
NewLimits = Annotated[LimitsBody, Depends(body_of(LimitsBody))]


@router.get("", summary="List projects")
def list_all_projects(
    session: ReadSession,
    caller: CallerOf,
    limit: Limit = 20,
    after: Annotated[str | None, Query(max_length=64, description="Id of the last project of the page before.")] = None,
) -> Page[ProjectView]:
    """Return a page of projects by name, with their limits and what their jobs take now."""
    page = list_projects(session, only=caller.project, after=after, limit=limit)
    views = _view(session, page.rows)
    ids = [view.id for view in views]
    return Page(data=views, first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None, has_more=page.has_more)


@router.post(
    "",
    status_code=201,
    summary="Make a project",
    openapi_extra=describe_json(ProjectBody),
    responses={409: {}},
)
def make_project(session: WriteSession, body: NewProject) -> ProjectView:
    """Make a project with its limits."""
    if not create_project(session, body.id, max_devices=body.max_devices, max_queued=body.max_queued):
        raise ProjectExistsError(f"there is a project {body.id!r} already; PUT changes its limits")
    return _find(session, body.id)


@router.get("/{project_id}", summary="Look at a project", responses={404: {}})
def read_project(session: ReadSession, caller: CallerOf, project_id: str) -> ProjectView:
    """Return a project with its limits and what its jobs take now."""
    _check_project(caller, project_id)
    return _find(session, project_id)


@router.put("/{project_id}", summary="Limit a project", openapi_extra=describe_json(LimitsBody), responses={404: {}})
def set_limits(session: WriteSession, caller: CallerOf, project_id: str, body: NewLimits) -> ProjectView:
    """Set a project's limits; a limit left out is none. What runs goes on, whatever the new limit."""
    _check_project(caller, project_id)
    if not limit_project(session, project_id, max_devices=body.max_devices, max_queued=body.max_queued):
        raise _unknown(project_id)
    return _find(session, project_id)


def _check_project(caller: Caller, project_id: str) -> None:
    if caller.project not in (None, project_id):
        raise _unknown(project_id)


def _find(session: Session, project_id: str) -> ProjectView:
    project = session.get(Project, project_id, populate_existing=True)
    if project is None:
        raise _unknown(project_id)
    [view] = _view(session, [project])
    return view


def _view(session: Session, projects: list[Project]) -> list[ProjectView]:
    usage = read_usage(session, [project.id for project in projects])
    return [
        ProjectView(
            id=project.id,
            max_devices=project.max_devices,
            max_queued=project.max_queued,
            num_devices=usage[project.id].num_devices,
            num_queued=usage[project.id].num_queued,
            created_at=project.created_at,
        )
        for project in projects
    ]


def _unknown(project_id: str) -> NotFoundError:
    return NotFoundError(f"there is no project {project_id!r}")
