"""The spool: where the bytes of an upload wait until all are here; one file an upload, named by the server."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import AsyncIterable, Collection
from pathlib import Path
from typing import IO

from anyio import to_thread
from starlette.requests import ClientDisconnect

from distill_core.errors import StillhouseError
from server.settings import Settings

_PIECE_BYTES = 1 << 20


class SpoolBusyError(StillhouseError):
    """Another request is writing to this upload."""

    code = "upload_busy"


class SpoolFullError(StillhouseError):
    """More bytes were sent than the upload has room for."""

    code = "upload_overflow"


class Spool:
    """A folder of half files. Servers that share their artifact folder share it too."""

    def __init__(self, settings: Settings) -> None:
        address = settings.artifact_address
        shared = settings.home_folder if "://" in address else Path(address).expanduser().resolve()
        self._folder = shared / "uploads"

    def path(self, upload_id: str) -> Path:
        """Return the file of an upload."""
        return self._folder / upload_id

    def size(self, upload_id: str) -> int:
        """Return how many bytes of an upload lie here."""
        path = self.path(upload_id)
        return path.stat().st_size if path.is_file() else 0

    async def append(self, upload_id: str, offset: int, pieces: AsyncIterable[bytes], room: int) -> int:
        """Write what arrives behind `offset`, and keep it over a power cut; what a cut connection brought counts.

        Args:
            upload_id: whose file.
            offset: where the pieces go; what lies behind it was never counted and is dropped.
            pieces: the bytes as they arrive.
            room: how many there may be.

        Returns:
            How many bytes were written.

        Raises:
            SpoolBusyError: another request is writing to the file.
            SpoolFullError: there were more; none of them counts.
        """
        file = await to_thread.run_sync(self._open, upload_id, offset)
        try:
            count = await _write(file, pieces, room)
            await to_thread.run_sync(os.fsync, file.fileno())
        finally:
            file.close()
        return count

    def digest(self, upload_id: str) -> str:
        """Return the sha256 of an upload's bytes."""
        with self.path(upload_id).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def drop(self, upload_id: str) -> None:
        """Remove the file of an upload; removing one that is not there changes nothing."""
        self.path(upload_id).unlink(missing_ok=True)

    def sweep(self, kept: Collection[str]) -> int:
        """Remove every file but those of the uploads that are still on their way; return how many."""
        if not self._folder.is_dir():
            return 0
        stale = [path for path in self._folder.iterdir() if path.name not in kept]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _open(self, upload_id: str, offset: int) -> IO[bytes]:
        """Open an upload's file for one writer alone."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(self.path(upload_id), flags, 0o600), "wb", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(offset)
            file.seek(offset)
        except BlockingIOError as error:
            file.close()
            raise SpoolBusyError(f"another request is writing to {upload_id}") from error
        return file


async def _write(file: IO[bytes], pieces: AsyncIterable[bytes], room: int) -> int:
    count, held = 0, bytearray()
    try:
        async for piece in pieces:
            count += len(piece)
            if count > room:
                raise SpoolFullError(f"the upload has room for {room} bytes more, and more were sent")
            held += piece
            if len(held) >= _PIECE_BYTES:
                await to_thread.run_sync(_write_all, file, bytes(held))
                held.clear()
    except ClientDisconnect:
        pass  # the connection was cut: the next request goes on from here
    await to_thread.run_sync(_write_all, file, bytes(held))
    return count


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
