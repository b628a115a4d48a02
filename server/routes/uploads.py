"""Uploads: files sent in pieces, which a cut connection does not undo."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from distill_core.errors import Problem
from distill_core.spec import MAX_BYTES
from server.access import Caller, CallerOf
from server.jobs.tables import Upload
from server.jobs.uploads import (
    OPEN,
    add_upload,
    find_upload,
    free_upload,
    list_uploads,
    move_offset,
    remove_upload,
)
from server.problems import (
    BodyInvalidError,
    ContentTooLargeError,
    UnsupportedMediaTypeError,
    UploadConflictError,
)
from server.receipt import receive
from server.routes.body import Body, check_body, describe_json
from server.routes.query import KnownQuery, Limit
from server.service import ReadSession, Service, ServiceOf
from server.spool import SpoolBusyError, SpoolFullError
from server.views import Page, UploadView, cut_page
from server.writing import WriteSession

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], dependencies=[Depends(KnownQuery())])

_BYTES = "application/octet-stream"
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}
}
_HEADERS = {
    "Upload-Offset": {"schema": {"type": "integer"}, "description": "Bytes that are here."},
    "Upload-Length": {"schema": {"type": "integer"}, "description": "Bytes in all."},
}


class UploadBody(BaseModel):
    """A file to send."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["weights", "dataset", "spec"] = Field(
        description="What the file holds: weights (safetensors), a dataset (zip or tar), a spec (YAML or JSON)."
    )
    name: str = Field(min_length=1, max_length=255, pattern=r"^[^/\\\x00-\x1f\x7f]+$", description="The file's name.")
    size: int = Field(ge=1, lt=2**63, description="Its bytes.")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", description="Its hash, to be compared.")


@router.post(
    "",
    status_code=201,
    summary="Announce an upload",
    openapi_extra=describe_json(UploadBody),
    responses={201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Address of the upload."}}}},
)
def create_upload(
    service: ServiceOf, caller: CallerOf, body: Body, session: WriteSession, response: Response
) -> UploadView:
    """Announce a file; its bytes are sent with PATCH."""
    asked = check_body(UploadBody, body)
    if asked.size > service.settings.max_upload_bytes:
        allowed = f"at most {service.settings.max_upload_bytes}"
        problem = Problem("/size", "value_invalid", "the file is too large", asked.size, allowed)
        raise BodyInvalidError(f"an upload has {allowed} bytes (STILLHOUSE_MAX_UPLOAD_BYTES)", [problem])
    if asked.kind == "spec" and asked.size > MAX_BYTES:
        problem = Problem("/size", "value_invalid", "the spec is too large", asked.size, f"at most {MAX_BYTES}")
        raise BodyInvalidError(f"a spec has at most {MAX_BYTES} bytes", [problem])
    upload = add_upload(session, project=caller.home, created_by=caller.key_id, **asked.model_dump())
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    _describe(response, upload)
    return UploadView.model_validate(upload)


@router.get("", summary="List uploads")
def list_all_uploads(
    session: ReadSession,
    caller: CallerOf,
    limit: Limit = 20,
    after: Annotated[str | None, Query(max_length=64, description="Id of the last entry of the page before.")] = None,
) -> Page[UploadView]:
    """Return a page of uploads, the newest first."""
    found = list_uploads(session, caller.project, after=after, limit=limit + 1)
    return cut_page([UploadView.model_validate(upload) for upload in found], limit)


@router.get("/{upload_id}", summary="Look at an upload", responses={200: {"headers": _HEADERS}, 404: {}})
def read_upload(session: ReadSession, caller: CallerOf, upload_id: str, response: Response) -> UploadView:
    """Return how far an upload has come; `offset` is where the next PATCH goes on."""
    upload = find_upload(session, upload_id, caller.project)
    _describe(response, upload)
    return UploadView.model_validate(upload)


@router.head("/{upload_id}", summary="Ask how far an upload has come", responses={200: {"headers": _HEADERS}, 404: {}})
def head_upload(session: ReadSession, caller: CallerOf, upload_id: str) -> Response:
    """Return the headers of an upload alone."""
    response = Response()
    _describe(response, find_upload(session, upload_id, caller.project))
    return response


@router.patch(
    "/{upload_id}",
    summary="Send bytes of an upload",
    openapi_extra=_BODY,
    responses={200: {"headers": _HEADERS}, 404: {}, 409: {}},
)
async def append_to_upload(
    request: Request,
    response: Response,
    service: ServiceOf,
    caller: CallerOf,
    upload_id: str,
    upload_offset: Annotated[int, Header(ge=0, lt=2**63, description="Bytes that were sent before these.")],
) -> UploadView:
    """Add bytes to an upload just where it stands; with the last of them it becomes complete."""
    upload = await to_thread.run_sync(partial(_find_writable, service, caller, upload_id, upload_offset))
    _check_headers(request, upload)
    await _append(request, service, upload)
    upload = await to_thread.run_sync(partial(_advance, service, caller, upload))
    _describe(response, upload)
    return UploadView.model_validate(upload)


@router.delete("/{upload_id}", status_code=204, summary="Remove an upload", responses={404: {}, 409: {}})
def delete_upload(service: ServiceOf, session: WriteSession, caller: CallerOf, upload_id: str) -> None:
    """Remove an upload; 409 and their names while jobs that are not over read it."""
    find_upload(session, upload_id, caller.project)
    free_upload(session, upload_id)
    remove_upload(session, upload_id)
    service.spool.drop(upload_id)


def _find_writable(service: Service, caller: Caller, upload_id: str, offset: int) -> Upload:
    """Return the upload, which must stand at `offset`; what its spool has lost was never sent."""
    with service.database.write() as session:
        upload = find_upload(session, upload_id, caller.project)
        if upload.state == OPEN and (here := service.spool.size(upload_id)) < upload.offset:
            upload.offset = here
    if upload.state != OPEN or upload.offset != offset:
        raise _conflict(upload, f"it stands at {upload.offset}, not at {offset}")
    return upload


def _check_headers(request: Request, upload: Upload) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _BYTES:
        raise UnsupportedMediaTypeError(
            f"bytes are sent as {_BYTES}, not as {media_type!r}", headers={"Accept-Patch": _BYTES}
        )
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > upload.size - upload.offset:
        raise _too_large(upload)


async def _append(request: Request, service: Service, upload: Upload) -> None:
    """Take what arrives, and count it when it is safe."""
    try:
        room = upload.size - upload.offset
        count = await service.spool.append(upload.id, upload.offset, request.stream(), room)
    except SpoolFullError as error:
        raise _too_large(upload) from error
    except SpoolBusyError as error:
        raise _conflict(upload, str(error)) from error
    start, end = upload.offset, upload.offset + count
    upload.offset = end
    if not await to_thread.run_sync(partial(_note, service, upload.id, start, end)):
        raise _conflict(upload, "another request went on with it, or removed it")


def _note(service: Service, upload_id: str, start: int, end: int) -> bool:
    with service.database.write() as session:
        return move_offset(session, upload_id, start, end)


def _advance(service: Service, caller: Caller, upload: Upload) -> Upload:
    """Return the upload as it stands now, complete if all bytes are here."""
    if upload.offset == upload.size:
        receive(service, upload)
    with service.database.read() as session:
        return find_upload(session, upload.id, caller.project)


def _conflict(upload: Upload, why: str) -> UploadConflictError:
    return UploadConflictError(
        f"{upload.id} is {upload.state}: {why}",
        headers={"Upload-Offset": str(upload.offset)},
        members={"offset": upload.offset},
    )


def _too_large(upload: Upload) -> ContentTooLargeError:
    room = upload.size - upload.offset
    return ContentTooLargeError(f"{upload.id} has room for {room} bytes more of the {upload.size} that were announced")


def _describe(response: Response, upload: Upload) -> None:
    response.headers["Upload-Offset"] = str(upload.offset)
    response.headers["Upload-Length"] = str(upload.size)
    response.headers["Cache-Control"] = "no-store"
