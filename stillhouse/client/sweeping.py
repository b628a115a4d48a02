"""Sweeps: one experiment under many settings, submitted and moved as a whole."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stillhouse.client.catalog import Spec, read_document
from stillhouse.client.errors import WaitTimeoutError
from stillhouse.client.records import RecordCalls
from stillhouse.client.sweep_results import Axis, Halving, Sweep, SweepPlan

Axes = Mapping[str, Axis | Sequence[Any]]
"""JSON pointer into the spec: the values that may stand there, or the `Axis` that says a range."""

_PATH = "/v1/sweeps"


class SweepCalls(RecordCalls):
    """Calls about sweeps."""

    def submit_sweep(
        self,
        spec: Spec,
        *,
        axes: Axes,
        search: str = "grid",
        trials: int | None = None,
        seed: int | None = None,
        metric: str | None = None,
        direction: str | None = None,
        halving: Halving | None = None,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        idempotency_key: str | None = None,
    ) -> Sweep:
        """Submit an experiment under many settings, a job for each, and return the sweep.

        Args:
            spec: the experiment spec that all trials begin with, as `submit` takes it.
            axes: what is varied: `{"/runtime/seed": [0, 1], "/stages/0/optimizer/lr": Axis(low=0.01, high=0.3)}`.
            search: grid (every combination; a range then says its `points`) or random.
            trials: how many a random search draws.
            seed: of the random search; 0 if left out.
            metric: what trials are judged by, such as val/accuracy.
            direction: minimize or maximize; told by the metric's name if left out.
            halving: stop trials that lag; none runs all of them to their end.
            name: title of the sweep; the spec's if left out.
            labels: words to find the jobs by.
            priority: jobs of a higher one start first.
            idempotency_key: two calls with the same key make one sweep; drawn at random if left out.

        Raises:
            InvalidRequestError: an axis or the spec of a trial is wrong; `problems` lists every place.
        """
        options = {"search": search, "trials": trials, "seed": seed, "metric": metric, "direction": direction}
        body = _describe(spec, axes, halving, **options, name=name, labels=labels, priority=priority)
        headers = {"idempotency-key": idempotency_key or uuid.uuid4().hex}
        return Sweep.model_validate(self._transport.send("POST", _PATH, json=body, headers=headers).json())

    def plan_sweep(
        self,
        spec: Spec,
        *,
        axes: Axes,
        search: str = "grid",
        trials: int | None = None,
        seed: int | None = None,
        metric: str | None = None,
        halving: Halving | None = None,
    ) -> SweepPlan:
        """Return the trials that a sweep would have, with their settings and steps; nothing is submitted.

        Raises:
            InvalidRequestError: an axis or the spec of a trial is wrong; `problems` lists every place.
        """
        body = _describe(spec, axes, halving, search=search, trials=trials, seed=seed, metric=metric)
        return SweepPlan.model_validate(
            self._transport.send("POST", _PATH, params={"dry_run": "true"}, json=body).json()
        )

    def sweeps(self, *, project: str | None = None) -> Iterator[Sweep]:
        """Yield sweeps without their trials, the newest first, page after page as they are asked for."""
        yield from map(Sweep.model_validate, self._pages(_PATH, {"project": project}))

    def sweep(self, sweep_id: str) -> Sweep:
        """Return a sweep with its trials, how they were judged, and the best."""
        return Sweep.model_validate(self._transport.get(f"{_PATH}/{sweep_id}"))

    def cancel_sweep(self, sweep_id: str) -> Sweep:
        """Ask for every trial that is not over to be cancelled."""
        return self._move_sweep(sweep_id, "cancel")

    def pause_sweep(self, sweep_id: str) -> Sweep:
        """Ask every running trial to save a checkpoint and rest; those that wait go on waiting."""
        return self._move_sweep(sweep_id, "pause")

    def resume_sweep(self, sweep_id: str) -> Sweep:
        """Let every paused trial go on from its checkpoint."""
        return self._move_sweep(sweep_id, "resume")

    def retry_sweep(self, sweep_id: str) -> Sweep:
        """Run trials that failed or that a person cancelled once more; those that lagged stay stopped."""
        return self._move_sweep(sweep_id, "retry")

    def wait_sweep(
        self,
        sweep_id: str,
        *,
        timeout_s: float | None = None,
        poll_s: float = 1.0,
        report: Callable[[Sweep], None] | None = None,
    ) -> Sweep:
        """Return the sweep once no trial will move by itself any more: each has ended or is paused.

        Args:
            sweep_id: the sweep.
            timeout_s: seconds to wait at most; for ever if left out.
            poll_s: seconds between two looks.
            report: called with the sweep at each look.

        Raises:
            WaitTimeoutError: it was not over in `timeout_s` seconds; it goes on.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            sweep = self.sweep(sweep_id)
            if report:
                report(sweep)
            if sweep.is_over:
                return sweep
            if deadline is not None and time.monotonic() > deadline:
                told = ", ".join(f"{count} {state}" for state, count in sweep.states.items())
                raise WaitTimeoutError(f"sweep {sweep_id} is not over after {timeout_s:g} s: {told}")
            time.sleep(poll_s)

    def _move_sweep(self, sweep_id: str, verb: str) -> Sweep:
        return Sweep.model_validate(self._transport.send("POST", f"{_PATH}/{sweep_id}/{verb}").json())


def _describe(spec: Spec, axes: Axes, halving: Halving | None, **options: Any) -> dict[str, Any]:
    """Return what a submission says."""
    shown = {
        pointer: axis.as_request() if isinstance(axis, Axis) else {"values": list(axis)}
        for pointer, axis in axes.items()
    }
    given = options | {"halving": halving.as_document() if halving else None}
    return {"spec": read_document(spec), "axes": shown} | {key: each for key, each in given.items() if each is not None}
