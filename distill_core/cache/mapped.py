"""Files of known size in memory: allocated in full before their first use, mapped, and seen as tensors."""

from __future__ import annotations

import math
import mmap
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from distill_core.errors import CacheError

__all__ = ["MappedFile", "allocate", "named_errors"]


@contextmanager
def named_errors(folder: Path) -> Iterator[None]:
    """Turn what the system refuses inside into the error that people are told."""
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"the cache folder {folder} cannot be used: {error}; make room or set another folder, or set cache: off"
        ) from error


def allocate(path: Path, size: int) -> None:
    """Make a file of zeros whose blocks exist, so that a full disk is an error now and no SIGBUS later."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.ftruncate(descriptor, size)
        if hasattr(os, "posix_fallocate"):  # macOS has none: there a full disk shows late
            os.posix_fallocate(descriptor, 0, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class MappedFile:
    """A file in memory, shared with every process that maps it."""

    def __init__(self, path: Path, size: int, *, writable: bool) -> None:
        """Map a file.

        Raises:
            CacheError: it is missing or has another size.
        """
        try:
            descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise CacheError(f"the cache file {path} is missing; delete the folder {path.parent}") from None
        try:
            found = os.fstat(descriptor).st_size
            if found != size:
                raise CacheError(f"{path} has {found:,} bytes instead of {size:,}; delete the folder {path.parent}")
            protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
            self._map = mmap.mmap(descriptor, size, flags=mmap.MAP_SHARED, prot=protection)
        finally:
            os.close(descriptor)

    def tensor(self, dtype: torch.dtype, shape: tuple[int, ...], offset: int = 0) -> Tensor:
        """Return a part of the file as a tensor that keeps the mapping alive; never hand it on, copies of it only."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
            return torch.frombuffer(self._map, dtype=dtype, count=math.prod(shape), offset=offset).view(shape)

    def flush(self) -> None:
        """Wait until what was written is on the disk."""
        self._map.flush()
