"""Upload of a file: in pieces, resumed after a cut, checked by its sha256."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from stillhouse.client.errors import ConflictError
from stillhouse.client.results import Upload
from stillhouse.client.transport import Transport

PIECE_BYTES = 8 * 2**20
FINISH_S = 600.0
"""Seconds that the server may take over a piece: with the last one it looks through the whole file."""

_BUSY_S = 0.2
_HEADERS = {"content-type": "application/octet-stream"}


def upload_file(
    transport: Transport, path: Path, kind: str, report: Callable[[int, int], None] | None = None
) -> Upload:
    """Bring a file to the server and return the upload, which is complete then.

    A file of the same content that is on its way goes on where it stands; one that is there already is not sent again.

    Raises:
        InvalidRequestError: the server does not take the file.
        ServerUnreachableError: the server stayed away; a later call goes on.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    upload = _find(transport, kind, sha256) or _announce(transport, path, kind, sha256)
    with path.open("rb") as file:
        while upload.state != "complete":
            file.seek(upload.offset)
            upload = _send(transport, upload, file.read(PIECE_BYTES))
            if report:
                report(upload.offset, upload.size)
    return upload


def _find(transport: Transport, kind: str, sha256: str) -> Upload | None:
    """Return an upload of the same content among the newest, if there is one."""
    found = map(Upload.model_validate, transport.get("/v1/uploads", {"limit": 100})["data"])
    return next((upload for upload in found if (upload.kind, upload.sha256) == (kind, sha256)), None)


def _announce(transport: Transport, path: Path, kind: str, sha256: str) -> Upload:
    body = {"kind": kind, "name": path.name, "size": path.stat().st_size, "sha256": sha256}
    return Upload.model_validate(transport.send("POST", "/v1/uploads", json=body).json())


def _send(transport: Transport, upload: Upload, data: bytes) -> Upload:
    """Send a piece; when it got there although its answer did not, go on where the upload stands."""
    address = f"/v1/uploads/{upload.id}"
    headers = _HEADERS | {"upload-offset": str(upload.offset)}
    try:
        answer = transport.send("PATCH", address, content=data, headers=headers, read_timeout_s=FINISH_S)
    except ConflictError:
        time.sleep(_BUSY_S)  # the request before may still be counted
        return Upload.model_validate(transport.get(address))
    return Upload.model_validate(answer.json())
