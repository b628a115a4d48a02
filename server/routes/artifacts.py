"""Artifacts: what a job made, and its bytes."""

from __future__ import annotations

import base64
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from server.jobs.queries import find_artifact, find_job, list_artifacts
from server.problems import NotFoundError
from server.ranges import ByteRange, choose_range, describe_attachment, is_known
from server.routes.query import KnownQuery
from server.service import ReadSession, ServiceOf
from server.views import ArtifactView, Page, view_artifact, whole_page

router = APIRouter(prefix="/v1", tags=["artifacts"], dependencies=[Depends(KnownQuery())])

_BYTES = "application/octet-stream"
_MEDIA_TYPES = {".md": "text/markdown; charset=utf-8", ".png": "image/png", ".svg": "image/svg+xml"}
"""Suffix of a name -> what the bytes are: the pictures and the card that a page may show. All else is bytes alone."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For content that is opened as a page all the same: nothing in it runs or loads anything."""

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_CONTENT: dict[str, Any] = {
    "content": {media_type.partition(";")[0]: _BINARY for media_type in (_BYTES, *_MEDIA_TYPES.values())}
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes.", **_CONTENT},
    206: {"description": "The bytes of the range.", **_CONTENT},
    304: {"description": "The client has them."},
    404: {},
    410: {},
    416: {},
}


class Content(StreamingResponse):
    """Bytes of an artifact; no browser shows them as a page."""

    media_type = _BYTES


@router.get("/jobs/{job_id}/artifacts", summary="List a job's artifacts", responses={404: {}})
def list_job_artifacts(session: ReadSession, job_id: str) -> Page[ArtifactView]:
    """Return what a job made, in the order in which it was stored."""
    find_job(session, job_id)
    artifacts = [view_artifact(artifact, size) for artifact, size in list_artifacts(session, job_id)]
    return whole_page(artifacts)


@router.get("/artifacts/{artifact_id}", summary="Look at an artifact", responses={404: {}})
def read_artifact(session: ReadSession, artifact_id: str) -> ArtifactView:
    """Return what is known of an artifact."""
    found = find_artifact(session, artifact_id)
    if found is None:
        raise NotFoundError(f"there is no artifact {artifact_id!r}")
    return view_artifact(*found)


Stored = Annotated[ArtifactView, Depends(read_artifact)]


@router.get(
    "/artifacts/{artifact_id}/content", summary="Download an artifact", response_class=Content, responses=_RESPONSES
)
async def download(request: Request, service: ServiceOf, artifact: Stored) -> Response:
    """Return the bytes of an artifact, or a part of them; the ETag is their sha256."""
    headers = _describe(artifact)
    if is_known(request.headers, headers["ETag"]):
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Cache-Control")})
    part = choose_range(request.headers, headers["ETag"], artifact.size)
    start, stop = (part.start, part.stop) if part else (0, artifact.size)
    headers |= _describe_part(part, artifact.size)
    if start == stop:
        return Response(headers=headers)
    pieces = await service.artifacts.open_range(artifact.sha256, start, stop)
    return Content(pieces, status_code=206 if part else 200, headers=headers)


@router.head(
    "/artifacts/{artifact_id}/content",
    summary="Ask for an artifact's size and digest",
    responses={200: {"description": "As of GET, without the bytes."}, 304: _RESPONSES[304], 404: {}},
)
async def head_download(request: Request, artifact: Stored) -> Response:
    """Return the headers of the download alone."""
    headers = _describe(artifact)
    if is_known(request.headers, headers["ETag"]):
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Cache-Control")})
    headers |= _describe_part(None, artifact.size)
    return Response(headers=headers)


def _describe(artifact: ArtifactView) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(artifact.sha256)).decode()
    return {
        "ETag": f'"sha256-{artifact.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable, no-transform",
        "Content-Disposition": describe_attachment(artifact.name),
        "Content-Security-Policy": _POLICY,
        "Content-Type": _MEDIA_TYPES.get(PurePosixPath(artifact.name).suffix, _BYTES),
    }


def _describe_part(part: ByteRange | None, size: int) -> dict[str, str]:
    if part is None:
        return {"Content-Length": str(size)}
    return {"Content-Length": str(len(part)), "Content-Range": f"bytes {part.start}-{part.stop - 1}/{size}"}
