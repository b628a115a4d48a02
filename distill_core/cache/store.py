"""Opening entries of the folder that runs share.

ROOT/<key>/identity.json     what the entry is; its digest is the key
ROOT/<key>/column0.bin ...   the rows [R N ...], one file a column
ROOT/<key>/complete.json     the seal; while there is none: builder.json, filled, filled.flushed
ROOT/<key>/used              touched by each opening
ROOT/<key>/lock, refs/       see `distill_core.cache.lease`
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from distill_core.cache.column import Column
from distill_core.cache.entry import OutputCache
from distill_core.cache.filled import Builder, FilledMap
from distill_core.cache.layout import Identity, Layout, as_text, digest, read_document
from distill_core.cache.lease import Reference, is_leased, list_references, lock_root, take_lease
from distill_core.cache.mapped import allocate
from distill_core.cache.room import find_entry, make_room, remove_entry
from distill_core.cache.seal import Seal
from distill_core.errors import CacheError
from distill_core.files import save_file

__all__ = ["acquire", "attach", "is_complete", "open_cache"]


def open_cache(
    root: Path,
    identity: Identity,
    num_rows: int,
    num_variants: int,
    columns: Sequence[Column],
    max_bytes: int,
    token: str,
) -> OutputCache:
    """Open the entry of an identity, to read it or to build it.

    A part of an entry is gone on with by the run that began it. Any other run makes it anew, since rows that were
    computed in batches of another composition differ in their last bits; while somebody refers to the part, it finds
    the entry busy instead.

    Args:
        root: folder of the store.
        identity: all that has a say in the numbers, as JSON data.
        num_rows: samples of the data set.
        num_variants: replayable variants of each.
        columns: what is stored of each sample.
        max_bytes: what the whole store may take on disk.
        token: name of the run, the same when it is resumed.

    Raises:
        CacheError: the entry is too large for the cap or the disk, damaged, or the folder cannot be used.
    """
    layout = Layout(num_rows, num_variants, tuple(columns))
    document = layout.describe(identity)
    folder = root / digest(document)
    with lock_root(root):
        if Seal.exists(folder):
            return _open(folder, layout, token, lease=None)
        if not folder.exists():
            return _begin(folder, layout, document, max_bytes, token)
        builder = Builder.read(folder)
        is_own = builder is not None and builder.token == token
        if is_leased(folder) or (list_references(folder) and not is_own):
            return OutputCache(folder, layout, "busy")
        if builder is not None and is_own:
            return _continue(folder, layout, builder)
        remove_entry(folder)
        return _begin(folder, layout, document, max_bytes, token)


def is_complete(root: Path, identity: Identity, num_rows: int, num_variants: int, columns: Sequence[Column]) -> bool:
    """Return whether the entry of an identity is there, whole; nothing is opened or made."""
    layout = Layout(num_rows, num_variants, tuple(columns))
    return Seal.exists(root / digest(layout.describe(identity)))


def attach(root: Path, key: str) -> OutputCache:
    """Open the entry that another process of this run and host has opened, to read or to fill it together.

    Raises:
        CacheError: there is none, or it is being built on another host.
    """
    with lock_root(root):
        folder = find_entry(root, key)
        layout = Layout.of(read_document(folder))
        if Seal.exists(folder):
            return OutputCache(folder, layout, "read")
        builder = Builder.read(folder)
        if builder is None or not builder.is_of_this_boot():
            raise CacheError(f"nobody on this host builds the cache {folder}: ranks attach where rank 0 has opened it")
        return OutputCache(folder, layout, "write")


def acquire(root: Path, key: str, token: str) -> Reference:
    """Refer to an entry, so that it stays until the reference is released or this process is gone.

    Raises:
        CacheError: there is no such entry.
    """
    with lock_root(root):
        return Reference(find_entry(root, key), token)


def _begin(folder: Path, layout: Layout, document: Identity, max_bytes: int, token: str) -> OutputCache:
    make_room(folder.parent, layout, max_bytes)
    folder.mkdir(mode=0o700)
    lease = take_lease(folder)
    try:
        save_file(folder / "identity.json", lambda file: file.write(as_text(document).encode()))
        for column in layout.columns:
            allocate(folder / layout.file_name(column), layout.file_bytes(column))
        FilledMap.allocate(folder, layout)
        Builder.write(folder, token)
        return _open(folder, layout, token, lease)
    except BaseException:
        lease.release()
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _continue(folder: Path, layout: Layout, builder: Builder) -> OutputCache:
    lease = take_lease(folder)
    if not builder.is_of_this_boot():
        FilledMap(folder, layout).restore()
        Builder.write(folder, builder.token)
    return _open(folder, layout, builder.token, lease)


def _open(folder: Path, layout: Layout, token: str, lease: FileLock | None) -> OutputCache:
    reference = Reference(folder, token)
    try:
        read_document(folder)
        cache = OutputCache(folder, layout, "read" if lease is None else "write", reference, lease)
    except BaseException:
        reference.release()
        if lease is not None:
            lease.release()
        raise
    (folder / "used").touch()
    return cache
