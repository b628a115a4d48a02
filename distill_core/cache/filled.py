"""Which rows of an entry under construction are there, and which of them would outlive a crash of the machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from distill_core.cache.layout import Layout
from distill_core.cache.lease import boot_id
from distill_core.cache.mapped import MappedFile, allocate
from distill_core.errors import CacheError
from distill_core.files import save_file

__all__ = ["Builder", "FilledMap"]

_MAP, _FLUSHED = "filled", "filled.flushed"


@dataclass(frozen=True, slots=True)
class Builder:
    """Who fills an entry, in `builder.json`: written once all its files are allocated, gone when it is complete.

    Attributes:
        token: the run.
        boot: the boot of the machine since which the filled map can be trusted as it is.
    """

    token: str
    boot: str

    @classmethod
    def read(cls, folder: Path) -> Builder | None:
        """Return who fills the entry, or None when nobody got as far as that."""
        path = folder / "builder.json"
        try:
            document = json.loads(path.read_bytes())
            return cls(str(document["token"]), str(document["boot"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise CacheError(f"{path} is damaged ({error}); delete the folder {folder}") from error

    @classmethod
    def write(cls, folder: Path, token: str) -> Builder:
        """Say that a run fills the entry from this boot on."""
        builder = cls(token, boot_id())
        text = json.dumps({"token": builder.token, "boot": builder.boot})
        save_file(folder / "builder.json", lambda file: file.write(text.encode()))
        return builder

    @staticmethod
    def discard(folder: Path) -> None:
        """Forget who fills the entry."""
        (folder / "builder.json").unlink(missing_ok=True)

    def is_of_this_boot(self) -> bool:
        """Return whether no reboot and no other machine lies between: what was mapped is there, synced or not."""
        return bool(self.boot) and self.boot == boot_id()


class FilledMap:
    """A byte a row [R N], 1 once the row's values are written, shared with the other ranks of the host."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder
        self._file = MappedFile(folder / _MAP, layout.num_cells, writable=True)
        self._marks = self._file.tensor(torch.uint8, (layout.num_variants, layout.num_rows))

    @staticmethod
    def allocate(folder: Path, layout: Layout) -> None:
        """Make an empty map."""
        allocate(folder / _MAP, layout.num_cells)

    @staticmethod
    def discard(folder: Path) -> None:
        """Delete the files of the map."""
        for name in (_MAP, _FLUSHED):
            (folder / name).unlink(missing_ok=True)

    def is_full(self, variant: int | None = None) -> bool:
        """Return whether all rows are there, of one variant or of all."""
        marks = self._marks if variant is None else self._marks[variant]
        return bool(marks.all())

    def missing(self, variant: int) -> Tensor:
        """Return the rows [m] that are not there, int64."""
        return (self._marks[variant] == 0).nonzero().squeeze(1)

    def are_there(self, variant: int, rows: Tensor) -> Tensor:
        """Return for each row [b] whether it is there, bool."""
        return self._marks[variant].index_select(0, rows).view(torch.bool)

    def mark(self, variant: int, rows: Tensor) -> None:
        """Say that rows [b] are there; call after their values are written."""
        self._marks[variant].index_fill_(0, rows, 1)

    def snapshot(self) -> Tensor:
        """Return a copy of the map [R N], to be kept once the rows in it are on the disk."""
        return self._marks.clone()

    def keep(self, snapshot: Tensor) -> None:
        """Write the copy that a crash of the machine goes back to."""
        save_file(self._folder / _FLUSHED, lambda file: file.write(snapshot.numpy().data))

    def restore(self) -> None:
        """Go back to the last copy, or to nothing: of later rows a crash may have lost the values and kept the mark."""
        path = self._folder / _FLUSHED
        content = path.read_bytes() if path.exists() else b""
        if len(content) == self._marks.numel():
            self._marks.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8).view_as(self._marks))
        else:
            self._marks.zero_()
        self._file.flush()
