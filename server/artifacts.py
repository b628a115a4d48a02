"""The artifact store: bytes named by their sha256, in a folder or in S3, behind one small interface."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import obstore
from obstore.store import LocalStore, from_url

from distill_core.errors import StillhouseError
from server.settings import Settings

_PIECE_BYTES = 1 << 20
_STALE_S = 24 * 3600


class ArtifactMissingError(StillhouseError):
    """The artifact store does not hold the bytes that a row names."""

    code = "artifact_missing"


class ArtifactCorruptError(StillhouseError):
    """The bytes in the artifact store are not the ones that were put there."""

    code = "artifact_corrupt"


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Bytes that lie in the store."""

    sha256: str
    size: int


class ArtifactStore:
    """Puts, fetches, reads and deletes bytes by their sha256; the same calls on a folder and on S3."""

    def __init__(self, settings: Settings) -> None:
        address = settings.artifact_address
        self._folder = None if "://" in address else Path(address).expanduser().resolve()
        if self._folder is not None:
            (self._folder / "incoming").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fresh = timedelta(seconds=settings.collect_grace_s / 2)
        self._store = from_url(address) if self._folder is None else LocalStore(self._folder)

    def put_file(self, path: Path) -> StoredBlob:
        """Store a file; doing so again changes nothing.

        Raises:
            OSError: the file cannot be read, or the disk is full.
        """
        with path.open("rb") as source:
            if self._folder is not None:
                return self._put_local(self._folder, source)
            blob = _measure(source)
        if not self._is_fresh(blob.sha256):
            obstore.put(self._store, _key(blob.sha256), path)
        return blob

    def fetch(self, sha256: str, target: Path) -> None:
        """Copy a blob to `target`, which appears whole and verified or not at all.

        Raises:
            ArtifactMissingError: the store does not hold it.
            ArtifactCorruptError: its bytes have another hash.
        """
        with _temporary(target.parent, f".{target.name}.") as copy:
            digest = hashlib.sha256()
            for piece in self._read(sha256):
                digest.update(piece)
                copy.write(piece)
            if digest.hexdigest() != sha256:
                raise ArtifactCorruptError(f"the bytes of {sha256} have the hash {digest.hexdigest()}")
            _settle(copy, target)

    def read(self, sha256: str) -> bytes:
        """Return a small blob whole.

        Raises:
            ArtifactMissingError: the store does not hold it.
        """
        return b"".join(self._read(sha256))

    async def open_range(self, sha256: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """Return the bytes from `start` up to `stop`, which must lie within the blob, in pieces.

        Raises:
            ArtifactMissingError: the store does not hold it.
        """
        try:
            answer = await obstore.get_async(self._store, _key(sha256), options={"range": (start, stop)})
        except FileNotFoundError as error:
            raise ArtifactMissingError(f"the artifact store holds no {sha256}") from error
        return _as_bytes(answer.stream(min_chunk_size=_PIECE_BYTES))

    def exists(self, sha256: str) -> bool:
        """Return whether the store holds the blob."""
        try:
            obstore.head(self._store, _key(sha256))
        except FileNotFoundError:
            return False
        return True

    def modified_at(self, sha256: str) -> datetime | None:
        """Return when the blob was put into the store last, None where the store does not hold it."""
        try:
            return obstore.head(self._store, _key(sha256))["last_modified"]
        except FileNotFoundError:
            return None

    def list_shard(self, shard: int) -> Iterator[tuple[str, datetime]]:
        """Yield the blobs whose hash begins with the byte `shard`, and when each was put there."""
        for page in obstore.list(self._store, f"sha256/{shard:02x}"):
            for entry in page:
                yield entry["path"].rpartition("/")[2], entry["last_modified"]

    def delete(self, sha256: str) -> None:
        """Remove a blob; removing one that is not there changes nothing."""
        try:
            obstore.delete(self._store, _key(sha256))
        except FileNotFoundError:
            return

    def sweep(self) -> int:
        """Remove what interrupted writes left behind a day ago; return how many files."""
        if self._folder is None:
            return 0  # S3 never shows an unfinished upload; its bucket's lifecycle rule ends them
        limit = time.time() - _STALE_S
        stale = [path for path in (self._folder / "incoming").iterdir() if path.stat().st_mtime < limit]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _is_fresh(self, sha256: str) -> bool:
        """Whether the store holds a blob so new that no collector removes it before its row is there."""
        modified_at = self.modified_at(sha256)
        return modified_at is not None and datetime.now(UTC) - modified_at < self._fresh

    def _read(self, sha256: str) -> Iterator[bytes]:
        try:
            answer = obstore.get(self._store, _key(sha256))
        except FileNotFoundError as error:
            raise ArtifactMissingError(f"the artifact store holds no {sha256}") from error
        for piece in answer.stream(min_chunk_size=_PIECE_BYTES):
            yield bytes(piece)

    def _put_local(self, folder: Path, source: IO[bytes]) -> StoredBlob:
        """Write with fsync before the rename, which obstore's local store does not."""
        with _temporary(folder / "incoming", "") as copy:
            blob = _measure(source, copy)
            target = folder / _key(blob.sha256)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _settle(copy, target)
        return blob


def _key(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256}"


def _measure(source: IO[bytes], copy: IO[bytes] | None = None) -> StoredBlob:
    """Hash what can be read from `source`, copying it on the way."""
    digest, size = hashlib.sha256(), 0
    while piece := source.read(_PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
        if copy is not None:
            copy.write(piece)
    return StoredBlob(digest.hexdigest(), size)


@contextmanager
def _temporary(folder: Path, prefix: str) -> Iterator[IO[bytes]]:
    """Yield a file that is removed when something goes wrong."""
    with NamedTemporaryFile(dir=folder, prefix=prefix, delete=False) as copy:
        try:
            yield copy
        except BaseException:
            Path(copy.name).unlink(missing_ok=True)
            raise


def _settle(copy: IO[bytes], target: Path) -> None:
    """Put the file in the place of `target`, so that a power cut leaves the one or the other."""
    copy.flush()
    os.fsync(copy.fileno())
    Path(copy.name).replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def _as_bytes(pieces: AsyncIterator[object]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield bytes(memoryview(piece))  # type: ignore[arg-type]  # obstore's Bytes has the buffer protocol
