"""Download of an artifact: resumed after a cut, checked by its sha256, in place only when whole."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from stillhouse.client.errors import DamagedDownloadError, ServerUnreachableError
from stillhouse.client.results import Artifact
from stillhouse.client.transport import Transport

CHUNK_BYTES = 256 * 1024
SILENCE_S = 30.0
MAX_BARREN_TRIES = 5
"""So many connections in a row may bring not one byte."""

ReportProgress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes in all."""


def download_artifact(
    transport: Transport, artifact: Artifact, target: Path, report: ReportProgress | None = None
) -> Path:
    """Bring an artifact to `target` and return that path.

    What has arrived is kept beside the target in a file that ends in `.part` and carries the artifact's hash, so a
    later call goes on where this one was cut and never mixes two artifacts.

    Raises:
        DamagedDownloadError: the bytes do not have the artifact's sha256; the partial file was removed.
        ServerUnreachableError: the server stayed away; the partial file remains.
    """
    part = target.with_name(f"{target.name}.{artifact.sha256[:12]}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    if part.exists() and part.stat().st_size > artifact.size:
        part.unlink()
    barren = 0
    while (here := _size(part)) < artifact.size or not part.exists():
        try:
            _fetch(transport, artifact, part, report)
        except httpx.TransportError as error:
            barren = 0 if _size(part) > here else barren + 1
            if barren >= MAX_BARREN_TRIES:
                raise ServerUnreachableError(transport.url, str(error) or type(error).__name__) from error
            time.sleep(0.2 * 2**barren)
    _settle(part, target, artifact)
    return target


def _fetch(transport: Transport, artifact: Artifact, part: Path, report: ReportProgress | None) -> None:
    """Append to the partial file what is missing, or start it anew if the server sends the whole."""
    here = _size(part)
    headers = {"accept-encoding": "identity"}
    if here:
        headers |= {"range": f"bytes={here}-", "if-range": f'"sha256-{artifact.sha256}"'}
    path = f"/v1/artifacts/{artifact.id}/content"
    with transport.stream(path, headers=headers, read_timeout_s=SILENCE_S) as response:
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            here = 0
        with part.open("ab" if here else "wb") as file:
            for chunk in response.iter_raw(CHUNK_BYTES):
                file.write(chunk)
                here += len(chunk)
                if report:
                    report(here, artifact.size)
                if here > artifact.size:
                    break


def _settle(part: Path, target: Path, artifact: Artifact) -> None:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    if found != artifact.sha256:
        part.unlink()
        raise DamagedDownloadError(
            f"{artifact.name} arrived damaged: its sha256 is {found}, the server's is {artifact.sha256}. "
            "The partial file was removed; download it again."
        )
    part.replace(target)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
