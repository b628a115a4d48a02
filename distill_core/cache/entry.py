"""An open cache entry: rows of teacher outputs, written once and read by index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from filelock import FileLock
from torch import Tensor

from distill_core.cache.column import Column
from distill_core.cache.filled import Builder, FilledMap
from distill_core.cache.layout import Layout
from distill_core.cache.lease import Reference, lock_root
from distill_core.cache.mapped import MappedFile, named_errors
from distill_core.cache.seal import Seal
from distill_core.cache.usage import note_cost, note_reads
from distill_core.errors import CacheError

__all__ = ["Mode", "OutputCache"]

Mode = Literal["read", "write", "busy"]

_CPU = torch.device("cpu")


class OutputCache:
    """The cached outputs of one teacher on one data set; made by `open_cache` and `attach`.

    Rows are immutable: writing a row that is there is ignored without a word, since a resumed run replays rows. What
    the variants and rows mean is the caller's business.

    Attributes:
        key: name of the entry, the digest of its identity and layout.
        layout: its columns and counts.
        mode: `read` a complete entry, `write` one under construction, `busy` when another process builds it.
        builder: token of the run whose rows these are, the one that keeps a busy entry busy included.
    """

    def __init__(
        self,
        folder: Path,
        layout: Layout,
        mode: Mode,
        reference: Reference | None = None,
        lease: FileLock | None = None,
    ) -> None:
        """Map the files of an entry; `open_cache` and `attach` have prepared them."""
        self.key = folder.name
        self.layout = layout
        self.mode = mode
        self._folder = folder
        self._reference = reference
        self._lease = lease
        self._filled: FilledMap | None = None
        self._seal: Seal | None = None
        self._files: list[MappedFile] = []
        self._stored: list[tuple[Column, tuple[Tensor, ...]]] = []
        if mode != "read":
            builder = Builder.read(folder)
            self.builder = None if builder is None else builder.token
        if mode != "busy":
            self._map()

    @property
    def is_complete(self) -> bool:
        """Whether every row of every variant is there for good, sealed here or by the process that has the lease."""
        return self.mode == "read" or Seal.exists(self._folder)

    @property
    def fingerprint(self) -> str | None:
        """Digest of the complete content: a checkpoint that names it can never go on with other rows. Else None."""
        return None if self._seal is None else self._seal.fingerprint

    def has(self, variant: int) -> bool:
        """Return whether all rows of a variant are there."""
        return self.mode == "read" or (self._filled is not None and self._filled.is_full(variant))

    def missing(self, variant: int) -> Tensor:
        """Return the rows [m] of a variant that are not there, int64."""
        if self.mode == "read":
            return torch.empty(0, dtype=torch.int64)
        return self._writable().missing(variant)

    def write(self, variant: int, rows: Tensor, values: Mapping[str, Tensor]) -> None:
        """Store rows that are not there yet.

        Args:
            variant: which of the R variants.
            rows: places in the data set [b], each once.
            values: column name -> outputs [b ...], on any device.

        Raises:
            CacheError: a column is missing or does not fit, or a value is beyond what the format can hold.
        """
        if self.mode == "read":
            return
        filled = self._writable()
        if set(values) != {column.name for column in self.layout.columns}:
            raise CacheError(f"the cache {self.key[:12]} has the columns {self._names()}, not {sorted(values)}")
        encoded = [self._encode(column, values[column.name]) for column in self.layout.columns]
        rows = rows.to(_CPU)
        there = filled.are_there(variant, rows)
        fresh = None if not there.any() else (~there).nonzero().squeeze(1)
        rows = rows if fresh is None else rows[fresh]
        for (_, parts), arrays in zip(self._stored, encoded, strict=True):
            for part, array in zip(parts, arrays, strict=True):
                part[variant].index_copy_(0, rows, array if fresh is None else array[fresh])
        filled.mark(variant, rows)

    def read(self, variant: int, rows: Tensor, device: torch.device = _CPU) -> dict[str, Tensor]:
        """Return stored rows, decoded.

        Args:
            variant: which of the R variants.
            rows: places in the data set [b], int64; on the CPU they cost no waiting for the device.
            device: where to put the values. Rows travel to a GPU as stored, from pinned memory, and are decoded there.

        Returns:
            Column name -> values [b ...], float32, or float64 where that is the format.

        Raises:
            CacheError: a row is not there.
        """
        rows = rows.to(_CPU)
        if self.mode != "read" and not self._writable().are_there(variant, rows).all():
            raise CacheError(f"rows of variant {variant} were read from the cache {self.key[:12]} before being written")
        return {
            column.name: column.decode(tuple(_gather(part[variant], rows, device) for part in parts))
            for column, parts in self._stored
        }

    def encode_decode(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what a reader of these outputs [b ...] would get: the same numbers bit for bit in fp32 and fp64."""
        columns = {column.name: column for column in self.layout.columns}
        return {name: columns[name].decode(columns[name].encode(tensor)) for name, tensor in values.items()}

    def flush(self) -> None:
        """Bring the rows written so far to the disk, so that a crash of the machine cannot lose them.

        The process with the lease does it for all ranks of the host; in attached ones it does nothing.
        """
        if self._lease is None:
            return
        filled = self._writable()
        snapshot = filled.snapshot()
        with named_errors(self._folder):
            for file in self._files:
                file.flush()
            filled.keep(snapshot)

    def seal(self) -> None:
        """Check, digest and publish the filled entry, and give the build lease back.

        Raises:
            CacheError: rows are missing, another process has the lease, or the disk fails.
        """
        if self.mode == "read":
            return
        filled = self._writable()
        if self._lease is None or self.builder is None:
            raise CacheError(f"the cache {self.key[:12]} is sealed by the process that opened it, not by one attached")
        if not filled.is_full():
            counts = [len(filled.missing(variant)) for variant in range(self.layout.num_variants)]
            raise CacheError(f"the cache {self.key[:12]} lacks {counts} rows of its variants: it cannot be sealed")
        with named_errors(self._folder):
            for file in self._files:
                file.flush()
            seal = Seal.make(self._folder, self.layout, self.builder)
        with lock_root(self._folder.parent):  # nobody may find the entry without a builder and not yet complete
            seal.save(self._folder)
            FilledMap.discard(self._folder)
            Builder.discard(self._folder)
        self._seal, self._filled, self.mode = seal, None, "read"
        self._give_lease_back()

    def note_cost(self, num_rows: int, seconds: float) -> None:
        """Write down, as the builder, what the teacher took for so many rows."""
        if num_rows:
            note_cost(self._folder, num_rows, seconds)

    def note_reads(self, num_rows: int, *, is_hit: bool) -> None:
        """Write down that rows were read in the teacher's place; `is_hit` where another run had stored them."""
        note_reads(self._folder, num_rows, is_hit=is_hit)

    def verify(self) -> None:
        """Read every byte of a complete entry and compare it with the seal.

        Raises:
            CacheError: a file is cut or altered, or the entry is not complete.
        """
        if self._seal is None:
            raise CacheError(f"the cache {self.key[:12]} is not complete: there is nothing to verify it with")
        with named_errors(self._folder):
            self._seal.check(self._folder, self.layout, whole=True)

    def close(self) -> None:
        """Give reference and lease back; rows can no longer be read or written."""
        self.mode = "busy"
        self._filled = None
        self._stored.clear()
        self._files.clear()
        self._give_lease_back()
        if self._reference is not None:
            self._reference.release()

    def _map(self) -> None:
        writable = self.mode == "write"
        lead = (self.layout.num_variants, self.layout.num_rows)
        for column in self.layout.columns:
            path = self._folder / self.layout.file_name(column)
            file = MappedFile(path, self.layout.file_bytes(column), writable=writable)
            self._files.append(file)
            located = self.layout.locate(column)
            parts = tuple(file.tensor(part.dtype, lead + part.shape, at) for part, at in located)
            self._stored.append((column, parts))
        if writable:
            self._filled = FilledMap(self._folder, self.layout)
        else:
            self._seal = Seal.read(self._folder)
            self._seal.check(self._folder, self.layout, whole=False)
            self.builder = self._seal.builder

    def _writable(self) -> FilledMap:
        if self._filled is None:
            raise CacheError(f"the cache {self.key[:12]} is closed, or another process is building it")
        return self._filled

    def _encode(self, column: Column, values: Tensor) -> tuple[Tensor, ...]:
        encoded = tuple(array.to(_CPU) for array in column.encode(values))
        if column.format == "fp16" and not encoded[0].isfinite().all():
            raise CacheError(
                f"the output of {column.name!r} reaches {float(values.abs().max()):g}, and fp16 holds up to 65504: "
                "cache it as bf16 or fp32"
            )
        return encoded

    def _names(self) -> list[str]:
        return sorted(column.name for column in self.layout.columns)

    def _give_lease_back(self) -> None:
        if self._lease is not None:
            self._lease.release()
            self._lease = None


def _gather(source: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """Return rows [b ...] of a mapped array [N ...] on the device."""
    if device.type != "cuda":
        return source.index_select(0, rows).to(device)
    pinned = torch.empty((len(rows), *source.shape[1:]), dtype=source.dtype, pin_memory=True)
    return torch.index_select(source, 0, rows, out=pinned).to(device, non_blocking=True)
