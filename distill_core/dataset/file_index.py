"""What must be known of many files before any is used: size, digest, height and width, remembered between runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

from distill_core.files import hash_file, save_file

__all__ = ["FileFacts", "index_files"]

NUM_THREADS = 8


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of an image file.

    Attributes:
        size: bytes of the file.
        changed_ns: time of its last change; with the size it says whether the rest is still true.
        sha256: digest of its contents.
        height: height of the image in pixels.
        width: width of the image in pixels.
    """

    size: int
    changed_ns: int
    sha256: str
    height: int
    width: int


def index_files(
    folder: Path, names: Sequence[str], read_size: Callable[[Path], tuple[int, int]], scratch: Path | None
) -> list[FileFacts]:
    """Return what is known of some files of a folder; every file that is not remembered is read once.

    Args:
        folder: where the files lie.
        names: their paths below it.
        read_size: returns height and width of an image file.
        scratch: where facts are remembered; nowhere if None.
    """
    memory = None if scratch is None else scratch / f"files-{hashlib.sha256(str(folder).encode()).hexdigest()}.json"
    known = {} if memory is None else _recall(memory)
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        facts = list(pool.map(lambda name: _look_at(folder / name, known.get(name), read_size), names))
    found = dict(zip(names, facts, strict=True))
    if memory is not None and found != known:
        document = {name: astuple(each) for name, each in found.items()}
        save_file(memory, lambda file: file.write(json.dumps(document).encode()))
    return facts


def _look_at(path: Path, known: FileFacts | None, read_size: Callable[[Path], tuple[int, int]]) -> FileFacts:
    status = path.stat()
    if known is not None and (known.size, known.changed_ns) == (status.st_size, status.st_mtime_ns):
        return known
    height, width = read_size(path)
    return FileFacts(status.st_size, status.st_mtime_ns, hash_file(path), height, width)


def _recall(memory: Path) -> Mapping[str, FileFacts]:
    """Return what was remembered; nothing if the file is not there or is not ours."""
    try:
        return {name: FileFacts(*values) for name, values in json.loads(memory.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
