"""What a cache entry is: its identity, which names it, and where its numbers lie in its files."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_core.cache.column import Column, Part
from distill_core.errors import CacheError

__all__ = ["Identity", "Layout", "as_text", "digest", "read_document"]

Identity = Mapping[str, Any]
"""All that has a say in the cached numbers, as JSON data; equal identities share an entry."""

_VERSION = 1
_ALIGNMENT = 64


def as_text(document: Identity) -> str:
    """Return the one text that equal JSON data have."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(identity: Identity) -> str:
    """Return the sha256 of an identity in hexadecimal."""
    return hashlib.sha256(as_text(identity).encode()).hexdigest()


def read_document(folder: Path) -> dict[str, Any]:
    """Return what an entry is, from its `identity.json`.

    Raises:
        CacheError: the file is missing, damaged, or not what the key says.
    """
    path = folder / "identity.json"
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        found = digest(document)
    except (OSError, ValueError) as error:
        raise CacheError(f"{path} cannot be read ({error}); delete the folder {folder}") from error
    if found != folder.name:
        raise CacheError(f"{path} was altered: it is not what the entry's key says; delete the folder {folder}")
    return document


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape of an entry.

    Attributes:
        num_rows: samples of the data set.
        num_variants: replayable variants of each sample, 1 without random views.
        columns: what is stored of each, one file a column.
    """

    num_rows: int
    num_variants: int
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if self.num_rows < 1 or self.num_variants < 1 or not names or len(set(names)) != len(names):
            raise CacheError(
                f"a cache of {self.num_rows} rows, {self.num_variants} variants and the columns {names}: "
                "it takes at least one of each, and columns of different names"
            )

    @property
    def num_cells(self) -> int:
        """Return the number of stored rows, over all variants: the size of the filled map in bytes."""
        return self.num_rows * self.num_variants

    @property
    def data_bytes(self) -> int:
        """Return the bytes of all column files."""
        return sum(self.file_bytes(column) for column in self.columns)

    @property
    def needed_bytes(self) -> int:
        """Return what building takes on disk at most: the columns, the filled map and its flushed copy."""
        return self.data_bytes + 2 * self.num_cells

    def file_name(self, column: Column) -> str:
        """Return the name of a column's file; the place's own name may hold anything."""
        return f"column{self.columns.index(column)}.bin"

    def file_bytes(self, column: Column) -> int:
        """Return the exact size of a column's file."""
        *_, (part, offset) = self.locate(column)
        return offset + part.row_bytes * self.num_cells

    def locate(self, column: Column) -> Iterator[tuple[Part, int]]:
        """Yield each part of a column [R N ...] with the offset of its first byte in the file."""
        offset = 0
        for part in column.parts:
            yield part, offset
            offset += math.ceil(part.row_bytes * self.num_cells / _ALIGNMENT) * _ALIGNMENT

    def describe(self, identity: Identity) -> dict[str, Any]:
        """Return the document whose digest is the entry's key."""
        return {
            "version": _VERSION,
            "byte_order": sys.byteorder,
            "num_rows": self.num_rows,
            "num_variants": self.num_variants,
            "columns": [column.as_document() for column in self.columns],
            "identity": dict(identity),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Layout:
        """Return the layout that a document describes."""
        columns = tuple(Column(**(column | {"shape": tuple(column["shape"])})) for column in document["columns"])
        return cls(document["num_rows"], document["num_variants"], columns)
