"""What training code may ask of the world around it: report, save, and hear whether to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distill_core.distributed import World, agree
from distill_core.engine.checkpoint import Position, save_checkpoint
from distill_core.engine.events import EventLog
from distill_core.errors import Stopped, TimeLimitError
from distill_core.files import SavedFile
from distill_core.spec.runtime import RuntimeSpec

__all__ = ["Context", "History"]

PROGRESS_INTERVAL_S = 1.0

History = dict[str, list[tuple[int, float]]]
"""Metric -> (step, value), in order."""

logger = logging.getLogger(__name__)


class Context:
    """The world around a run: its folder, its events, the wish to stop and the clock."""

    def __init__(
        self,
        folder: Path,
        events: EventLog | None,
        stop: threading.Event,
        runtime: RuntimeSpec,
        world: World | None = None,
    ) -> None:
        self.folder = folder
        self.world = world or World()
        self.log_interval_steps = runtime.log_interval_steps
        self.history: History = {}
        self._events = events
        self._stop = stop
        self._runtime = runtime
        self._identity: Mapping[str, Any] = {}
        self._total_steps = 0
        self._first_step = 0
        self._started = self._last_checkpoint = time.monotonic()
        self._last_progress = 0.0
        self._earlier_s = 0.0

    def begin(self, identity: Mapping[str, Any], total_steps: int) -> None:
        """Take note of what the run is and how long it is."""
        self._identity = identity
        self._total_steps = total_steps
        self._started = self._last_checkpoint = time.monotonic()

    def resume(self, state: Mapping[str, Any]) -> Position:
        """Take up the history and the clock of a checkpoint, and return its position."""
        position = Position(**state["position"])
        self.history = {key: [(int(step), value) for step, value in points] for key, points in state["history"].items()}
        self._earlier_s = state["elapsed_s"]
        self._first_step = position.step
        return position

    def report(self, kind: str, /, **fields: Any) -> None:
        """Write an event; only the first process of a run has somewhere to write."""
        if self._events is not None:
            self._events.emit(kind, **fields)

    def report_metrics(self, stage: str, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Write measured values and remember them for the history."""
        for key, value in values.items():
            self.history.setdefault(key, []).append((step, value))
        self.report("metrics", stage=stage, step=step, epoch=round(epoch, 6), values=dict(values))
        told = "  ".join(f"{key} {value:.5g}" for key, value in values.items() if not key.startswith("share/"))
        logger.info("%s step %d: %s", stage, step, told)

    def report_pace(self, stage: str, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Write figures of the clock, if there are any; they are no part of the history, which runs alike share."""
        if values:
            named = {f"system/{name}": value for name, value in values.items()}
            self.report("metrics", stage=stage, step=step, epoch=round(epoch, 6), values=named)

    def report_artifact(self, kind: str, saved: SavedFile) -> None:
        """Write the event of a finished result file."""
        path = str(saved.path.relative_to(self.folder))
        self.report("artifact", kind=kind, name=saved.path.name, path=path, sha256=saved.sha256, size=saved.size)

    def at_boundary(
        self, position: Position, stage: str, snapshot: Callable[[], Mapping[str, Any]], *, is_forced: bool = False
    ) -> None:
        """Do between two steps what is due: progress, a checkpoint, and stopping.

        Args:
            position: where the run stands.
            stage: name of the stage that goes on from here.
            snapshot: returns the states of models and training.
            is_forced: save a checkpoint, whether one is due or not.

        Raises:
            Stopped: the run was asked to stop; a checkpoint is saved.
            TimeLimitError: the run took longer than its spec allows; a checkpoint is saved.
        """
        now = time.monotonic()
        self._report_progress(position.step, now)
        is_over = self._runtime.time_limit_s is not None and self._elapsed_s(now) >= self._runtime.time_limit_s
        is_due = is_forced or now - self._last_checkpoint >= self._runtime.checkpoint_interval_s
        # Every process has its own clock and its own signals: what one of them wants, all do at the same step.
        is_stopping, is_over, is_due = agree(self._stop.is_set(), is_over, is_due)
        if is_over or is_stopping or is_due:
            self._save(position, stage, snapshot())
        if is_stopping:
            self.report("stopped", step=position.step)
            raise Stopped(f"stopped after step {position.step}, as asked; a checkpoint is saved")
        if is_over:
            raise TimeLimitError(f"the run took longer than its time_limit_s of {self._runtime.time_limit_s:g} seconds")

    def _save(self, position: Position, stage: str, snapshot: Mapping[str, Any]) -> None:
        state = {
            "identity": dict(self._identity),
            "position": asdict(position),
            "elapsed_s": self._elapsed_s(time.monotonic()),
            "history": self.history,
            **snapshot,
        }
        self._last_checkpoint = time.monotonic()
        if not self.world.is_first:
            return
        saved = save_checkpoint(self.folder / "checkpoints", position.step, state)
        self._last_checkpoint = time.monotonic()
        path = str(saved.path.relative_to(self.folder))
        where = {"step": position.step, "stage": stage, "epoch": position.epoch}
        self.report("checkpoint", path=path, sha256=saved.sha256, size=saved.size, **where)

    def _report_progress(self, step: int, now: float) -> None:
        is_last = step == self._total_steps
        if is_last or now - self._last_progress >= PROGRESS_INTERVAL_S:
            done = step - self._first_step
            eta_s = (now - self._started) / done * (self._total_steps - step) if done else None
            self.report("progress", step=step, total_steps=self._total_steps, eta_s=eta_s and round(eta_s, 1))
            self._last_progress = now

    def _elapsed_s(self, now: float) -> float:
        return self._earlier_s + now - self._started
