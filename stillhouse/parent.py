"""A process that must not outlive the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def follow_parent(parent_pid: int | None) -> None:
    """Ask the kernel to end this process by SIGTERM when its parent, process `parent_pid`, is gone."""
    if parent_pid is None:
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:  # it was gone before the kernel was asked
        sys.exit(f"the process {parent_pid} that started this one is gone")


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parent dies, so that none gets away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
