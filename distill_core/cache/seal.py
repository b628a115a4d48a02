"""The proof that a complete entry is what was written: sizes, checksums of all bytes and of a sample of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distill_core.cache.layout import Layout
from distill_core.errors import CacheError
from distill_core.files import hash_file, save_file

__all__ = ["Seal"]

_NAME = "complete.json"
_PAGE = 4096
_SAMPLED_PAGES = 64


@dataclass(frozen=True, slots=True)
class Seal:
    """What `complete.json` says; an entry that has none is not complete.

    Attributes:
        builder: token of the run that filled the entry.
        sha256: digest of each column's file by name.
        sample: digest of some pages of each file, quick enough for every opening.
    """

    builder: str
    sha256: Mapping[str, str]
    sample: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """Digest of all content."""
        return hashlib.sha256(json.dumps(dict(self.sha256), sort_keys=True).encode()).hexdigest()

    @staticmethod
    def exists(folder: Path) -> bool:
        """Return whether an entry is complete."""
        return (folder / _NAME).exists()

    @classmethod
    def make(cls, folder: Path, layout: Layout, builder: str) -> Seal:
        """Digest the files of a filled entry."""
        paths = [folder / layout.file_name(column) for column in layout.columns]
        sha256 = {path.name: hash_file(path) for path in paths}
        return cls(builder, sha256, {path.name: _hash_sample(path) for path in paths})

    def save(self, folder: Path) -> None:
        """Write the seal: from here on the entry is complete."""
        save_file(folder / _NAME, lambda file: file.write(json.dumps(asdict(self), indent=1).encode()))

    @classmethod
    def read(cls, folder: Path) -> Seal:
        """Return the seal of a complete entry.

        Raises:
            CacheError: the file is damaged.
        """
        try:
            document: dict[str, Any] = json.loads((folder / _NAME).read_bytes())
            return cls(str(document["builder"]), dict(document["sha256"]), dict(document["sample"]))
        except (ValueError, KeyError, TypeError) as error:
            raise CacheError(f"{folder / _NAME} is damaged ({error}); delete the folder {folder}") from error

    def check(self, folder: Path, layout: Layout, *, whole: bool) -> None:
        """Compare the files with the seal.

        Args:
            folder: the entry.
            layout: which files it has.
            whole: read every byte; else a sample, of files whose sizes are right.

        Raises:
            CacheError: a file is altered.
        """
        for column in layout.columns:
            path = folder / layout.file_name(column)
            expected = (self.sha256 if whole else self.sample).get(path.name)
            if expected != (hash_file(path) if whole else _hash_sample(path)):
                raise CacheError(f"{path} was altered since it was completed; delete the folder {folder}")


def _hash_sample(path: Path) -> str:
    """Return the digest of the first page, the last and some between, at places that depend on the size alone."""
    digest = hashlib.sha256()
    last = max(path.stat().st_size - _PAGE, 0)
    with path.open("rb") as file:
        for offset in sorted({last * number // (_SAMPLED_PAGES - 1) for number in range(_SAMPLED_PAGES)}):
            file.seek(offset)
            digest.update(file.read(_PAGE))
    return digest.hexdigest()
