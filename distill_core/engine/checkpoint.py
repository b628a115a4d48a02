"""Checkpoints: the only place that uses torch.save and torch.load."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from distill_core.errors import CheckpointError
from distill_core.files import SavedFile, save_file

__all__ = ["Position", "load_checkpoint", "save_checkpoint"]

FORMAT = 1
NUM_KEPT = 2


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run stands, always between two steps.

    Attributes:
        stage: index of the stage.
        epoch: epoch of the stage.
        batch: batch of the epoch that comes next.
        step: optimizer steps taken, over all stages.
    """

    stage: int = 0
    epoch: int = 0
    batch: int = 0
    step: int = 0


def save_checkpoint(folder: Path, step: int, state: Mapping[str, Any]) -> SavedFile:
    """Write a checkpoint whole or not at all, and keep the newest two."""
    for torn in folder.glob(".step-*.pt.*"):
        torn.unlink()  # what a process left that was killed while it saved
    saved = save_file(folder / f"step-{step:08d}.pt", lambda file: torch.save({"format": FORMAT, **state}, file))
    for old in sorted(folder.glob("step-*.pt"))[:-NUM_KEPT]:
        old.unlink()
    return saved


def load_checkpoint(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Read a checkpoint of the run that `identity` describes.

    Args:
        path: the file.
        identity: digests of the spec, the data and the weights that the run starts from.

    Raises:
        CheckpointError: it is missing, damaged, of another format, or of a run with another identity.
    """
    try:
        content = io.BytesIO(path.read_bytes())
        _check_sums(content)
        state: Any = torch.load(content, map_location="cpu", weights_only=True)  # noqa: TID251  the one place
    except Exception as error:  # what torch raises for a damaged file depends on the damage
        why = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {why}; {_advise(path)}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of format {FORMAT}; {_advise(path)}")
    found: dict[str, Any] = state
    differing = sorted(key for key, value in identity.items() if found["identity"].get(key) != value)
    if differing:
        raise CheckpointError(
            f"{path} belongs to another run: it differs in {', '.join(differing)}; resume it with the very spec, data "
            "and weights that it was saved with, or start anew"
        )
    return found


def _advise(path: Path) -> str:
    """Return what to do in place of resuming from a file."""
    others = sorted(other.name for other in path.parent.glob("step-*.pt") if other.name != path.name)
    return f"resume from {others[-1]} beside it" if others else "start anew, without a checkpoint"


def _check_sums(content: io.BytesIO) -> None:
    """Compare the checksums that torch writes and does not read."""
    with zipfile.ZipFile(content) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise CheckpointError(f"{damaged} is damaged")
    content.seek(0)
