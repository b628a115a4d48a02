"""Exports: the student of a finished job in forms that run without Stillhouse."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from distill_core.errors import Problem, SpecError
from distill_core.spec.outputs import ExportFormat
from server.access import CallerOf
from server.jobs.exports import Wanted, add_export, list_exports
from server.problems import BodyInvalidError, count_problems
from server.routes.body import body_of, describe_json
from server.routes.query import KnownQuery
from server.service import ReadSession, ServiceOf
from server.views import ExportView, Page, view_export, whole_page
from server.writing import WriteSession, name_target

router = APIRouter(prefix="/v1/jobs/{job_id}/exports", tags=["exports"], dependencies=[Depends(KnownQuery())])

_OUTPUTS = "/outputs/"


class ExportBody(BaseModel):
    """The form of a student that is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: ExportFormat = Field(description="onnx, or torch_export (a program of torch.export).")
    until: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Feature point or module path of the student at which it ends; the whole student if left out.",
    )
    opset: int | None = Field(
        default=None, ge=18, le=23, description="Version of ONNX's operator set; the exporter's own if left out."
    )


@router.post(
    "",
    status_code=201,
    summary="Export a student",
    openapi_extra=describe_json(ExportBody, {"format": "onnx", "opset": 20}),
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Address of the job."}}},
        404: {},
        409: {},
    },
)
def create_export(
    request: Request,
    service: ServiceOf,
    caller: CallerOf,
    session: WriteSession,
    job_id: str,
    body: Annotated[ExportBody, Depends(body_of(ExportBody))],
    response: Response,
    background: BackgroundTasks,
) -> ExportView:
    """Let a worker export the student of a job that has succeeded; asking for the same again gives the same export."""
    _check_opset(body)
    try:
        export, is_known = add_export(session, job_id, Wanted(body.format, body.until, body.opset), caller.key_id)
    except SpecError as error:
        problems = [_relocate(problem) for problem in error.problems]
        raise BodyInvalidError(count_problems(problems, "body"), problems) from error
    if not is_known:
        background.add_task(service.scheduler.assign)
    name_target(request, export.job.id)
    response.headers["Location"] = f"/v1/jobs/{export.job.id}"
    return view_export(export)


@router.get("", summary="List a job's exports", responses={404: {}})
def list_job_exports(session: ReadSession, job_id: str) -> Page[ExportView]:
    """Return the exports of a job that were asked for since it ended, the oldest first."""
    return whole_page([view_export(export) for export in list_exports(session, job_id)])


def _check_opset(body: ExportBody) -> None:
    if body.format != "onnx" and body.opset is not None:
        problem = Problem("/opset", "value_invalid", "an operator set belongs to onnx alone", body.opset, "left out")
        raise BodyInvalidError(f"a {body.format} has no operator set", [problem])


def _relocate(problem: Problem) -> Problem:
    """Return a problem of the export's spec as one of the body that asked for it."""
    pointer = "/" + problem.pointer.removeprefix(_OUTPUTS) if problem.pointer.startswith(_OUTPUTS) else problem.pointer
    return Problem(pointer, problem.code, problem.message, problem.value, problem.allowed, problem.nearest)
