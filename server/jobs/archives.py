"""Archives that people upload: zip and tar, looked through and unpacked without trust.

Every name, size and type of a member is checked before anything is written, and what comes out is counted while it
comes, since an archive may say of itself what it likes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from distill_core.errors import StillhouseError

_PIECE_BYTES = 1 << 20
_HEADER_BYTES = 1 << 20
_TABLE_BYTES = 1 << 28
_LONGEST_NAME = 1024
_LONGEST_PART = 255
_DEEPEST = 16
_SLACK_BYTES = 64 << 20
_PLAIN = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_UNPACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,  # NotImplementedError among them: what zipfile cannot read
    ValueError,
    OverflowError,
    struct.error,
)


class ArchiveError(StillhouseError):
    """The archive is broken, or holds what no data set holds."""

    code = "archive_invalid"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an archive may come to.

    Attributes:
        num_members: files and folders.
        member_bytes: of one file.
        total_bytes: of all files.
        ratio: bytes that may come out of one byte of the archive, 64 MiB apart.
    """

    num_members: int = 1_000_000
    member_bytes: int = 4 << 30
    total_bytes: int = 256 << 30
    ratio: int = 50

    def room(self, size: int) -> int:
        """Return how many bytes may come out of an archive of `size` bytes."""
        return min(self.total_bytes, max(_SLACK_BYTES, self.ratio * size))


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive: its relative path, and its bytes in pieces."""

    path: PurePosixPath
    pieces: Iterator[bytes]


@dataclass(slots=True)
class _Ledger:
    """What was seen of an archive so far; refuses what goes beyond its bounds."""

    bounds: Bounds
    room: int
    files: set[PurePosixPath] = field(default_factory=set)
    folders: set[PurePosixPath] = field(default_factory=set)
    num_members: int = 0
    total: int = 0

    def enter(self, name: str, *, is_folder: bool, size: int) -> PurePosixPath:
        """Return the path of a member that may be there."""
        self.num_members += 1
        if self.num_members > self.bounds.num_members:
            raise ArchiveError(f"it has more than {self.bounds.num_members} members")
        path = _check_name(name)
        if size > self.bounds.member_bytes:
            raise ArchiveError(f"{_show(name)} has {size} bytes; a member has at most {self.bounds.member_bytes}")
        parents = set(path.parents)
        if path in self.files or parents & self.files or (path in self.folders and not is_folder):
            raise ArchiveError(f"{_show(name)} is there twice, or is a file and a folder")
        self.folders |= parents | ({path} if is_folder else set())
        if not is_folder:
            self.files.add(path)
        return path

    def count(self, name: str, sofar: int, more: int) -> int:
        """Count bytes that came out of a member; return how many they are."""
        self.total += more
        if sofar + more > self.bounds.member_bytes:
            raise ArchiveError(f"{_show(name)} has more than the {self.bounds.member_bytes} bytes of a member")
        if self.total > self.room:
            raise ArchiveError(f"more than {self.room} bytes come out of it: that is no data set of its size")
        return sofar + more


class _Source(io.RawIOBase):
    """What comes out of a packed tar: no header may ask for much at once, and there is an end to it."""

    def __init__(self, stream: IO[bytes], room: int) -> None:
        super().__init__()
        self._stream, self._room = stream, room

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            raise ArchiveError(f"a header asks for {size} bytes; at most {_HEADER_BYTES} are allowed")
        return self._stream.read(size)

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, place: int, whence: int = 0) -> int:
        if place > self._room:
            raise ArchiveError(f"more than {self._room} bytes come out of it: that is no data set of its size")
        return self._stream.seek(place, whence)


def check_archive(path: Path, bounds: Bounds | None = None) -> int:
    """Read a whole archive without writing anything; return how many files it holds.

    Raises:
        ArchiveError: says what is wrong with it.
    """
    count = 0
    for member in walk(path, bounds or Bounds()):
        count += 1
        for _ in member.pieces:
            pass
    if not count:
        raise ArchiveError("it holds no file")
    return count


def unpack(path: Path, folder: Path, bounds: Bounds | None = None) -> None:
    """Write what an archive holds into an empty folder.

    Raises:
        ArchiveError: says what is wrong with it; what was written stays.
        OSError: the disk is full.
    """
    for member in walk(path, bounds or Bounds()):
        target = folder.joinpath(*member.path.parts)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
            for piece in member.pieces:
                file.write(piece)


def walk(path: Path, bounds: Bounds) -> Iterator[Member]:
    """Yield the files of an archive; the pieces of one are read before the next is asked for.

    Raises:
        ArchiveError: says what is wrong with it.
    """
    ledger = _Ledger(bounds, bounds.room(path.stat().st_size))
    with path.open("rb") as file:
        magic = file.read(6)
        file.seek(0)
        if magic.startswith(b"PK"):
            yield from _walk_zip(file, ledger)
        else:
            unpacker = next((opener for mark, opener in _UNPACKERS.items() if magic.startswith(mark)), None)
            yield from _walk_tar(file if unpacker is None else unpacker(file), ledger)


def _walk_zip(file: IO[bytes], ledger: _Ledger) -> Iterator[Member]:
    _check_table(file, ledger.bounds)
    with _reading():
        archive = zipfile.ZipFile(file)
    with archive:
        entries = [(info, _enter_zipped(info, ledger)) for info in archive.infolist()]
        if sum(info.file_size for info, _ in entries) > ledger.room:
            raise ArchiveError(f"more than {ledger.room} bytes come out of it: that is no data set of its size")
        for info, path in entries:
            if not info.is_dir():
                with _reading():
                    stream = archive.open(info)
                with stream:
                    yield Member(path, _read(stream, info.filename, ledger))


def _check_table(file: IO[bytes], bounds: Bounds) -> None:
    """Refuse a table of contents that would fill the memory before anything of it can be checked."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 42))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise ArchiveError("it is no whole zip: its end is missing")
    count, table = struct.unpack_from("<HL", tail, at + 10)
    if table == 0xFFFFFFFF or count == 0xFFFF:
        count, table = _read_large_table(file, tail[max(0, at - 20) : at])
    if count > bounds.num_members or table > _TABLE_BYTES:
        raise ArchiveError(f"its table of contents has {count} members; at most {bounds.num_members} are allowed")


def _read_large_table(file: IO[bytes], locator: bytes) -> tuple[int, int]:
    """Return number and bytes of the entries of a zip's table, from the record for large ones."""
    if len(locator) < 20 or not locator.startswith(b"PK\x06\x07"):
        raise ArchiveError("it is no whole zip: the record of its size is missing")
    file.seek(min(struct.unpack_from("<Q", locator, 8)[0], 1 << 62))
    record = file.read(56)
    file.seek(0)
    if len(record) < 56 or not record.startswith(b"PK\x06\x06"):
        raise ArchiveError("it is no whole zip: the record of its size is missing")
    count, table = struct.unpack_from("<QQ", record, 32)
    return count, table


def _enter_zipped(info: zipfile.ZipInfo, ledger: _Ledger) -> PurePosixPath:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise ArchiveError(f"{_show(info.filename)} is a link or a device; files and folders alone are allowed")
    if info.flag_bits & 1:
        raise ArchiveError(f"{_show(info.filename)} is encrypted")
    if info.compress_type not in _PLAIN:
        raise ArchiveError(f"{_show(info.filename)} is packed in a way other than deflate: {info.compress_type}")
    return ledger.enter(info.orig_filename, is_folder=info.is_dir(), size=info.file_size)


def _walk_tar(file: IO[bytes], ledger: _Ledger) -> Iterator[Member]:
    source = _Source(file, ledger.room + 4096 * ledger.bounds.num_members)
    with _reading():
        archive = tarfile.TarFile(fileobj=cast("IO[bytes]", source), encoding="utf-8", errors="surrogateescape")
    with archive:
        while (info := _next_of(archive)) is not None:
            if not (info.isdir() or (info.isreg() and not info.issparse())):
                raise ArchiveError(f"{_show(info.name)} is a link or a device; files and folders alone are allowed")
            is_top = info.isdir() and info.name in {".", "./", ""}
            if is_top:
                continue
            path = ledger.enter(info.name, is_folder=info.isdir(), size=info.size)
            if info.isreg():
                stream = archive.extractfile(info)
                if stream is not None:
                    yield Member(path, _read(stream, info.name, ledger, info.size))


def _next_of(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    with _reading():
        info = archive.next()
        archive.members = []  # type: ignore[attr-defined]  # else it remembers them all
        return info


def _read(stream: Any, name: str, ledger: _Ledger, size: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of a member, which must be as many as its header says where it does."""
    sofar = 0
    while True:
        with _reading():
            piece = stream.read(_PIECE_BYTES)
        if not piece:
            break
        sofar = ledger.count(name, sofar, len(piece))
        yield piece
    if size is not None and sofar != size:
        raise ArchiveError(f"{_show(name)} has {sofar} bytes where {size} are announced")


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except _BROKEN as error:
        raise ArchiveError(f"it is no whole zip or tar: {_show(str(error))}") from error


def _check_name(name: str) -> PurePosixPath:
    """Return a member's path; it must be relative, plain and short."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise ArchiveError(f"{_show(name)} is a name that is not UTF-8") from None
    plain = name.removeprefix("./").rstrip("/")
    parts = plain.split("/")
    if not plain or name.startswith("/") or ".." in parts or "" in parts or "." in parts:
        raise ArchiveError(f"{_show(name)} is no plain relative path below the archive's top")
    if "\\" in name or any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise ArchiveError(f"{_show(name)} holds a backslash or a control character")
    if length > _LONGEST_NAME or len(parts) > _DEEPEST or max(len(part.encode()) for part in parts) > _LONGEST_PART:
        raise ArchiveError(f"{_show(name)} is too long or lies too deep")
    return PurePosixPath(*parts)


def _show(text: str) -> str:
    """Return what an archive says, short and harmless, for a message."""
    shown = ascii(text)
    return shown if len(shown) <= 120 else f"{shown[:117]}…"
