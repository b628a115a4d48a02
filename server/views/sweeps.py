"""What the API shows of sweeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from server.jobs import tables
from server.jobs.states import Reason, State
from server.jobs.sweep_plan import Axis, Halving, Search
from server.jobs.sweeps import Standing
from server.views.base import Moment, View


class SweepView(View):
    """One experiment under many settings."""

    object: Literal["sweep"] = "sweep"
    id: str
    name: str
    project: str
    search: Search
    seed: int = Field(description="Of the random search.")
    axes: dict[str, Axis] = Field(description="JSON pointer into the spec: what may stand there.")
    metric: str | None = Field(description="What trials are judged by.")
    direction: Literal["minimize", "maximize"]
    halving: Halving | None = Field(description="Null where every trial runs to its end.")
    num_trials: int
    states: dict[State, int] = Field(description="How many of its jobs are in which state.")
    is_over: bool = Field(description="Whether no trial will move by itself any more.")
    created_by: str | None = Field(description="Id of the key that submitted it.")
    created_at: Moment


class JudgementView(View):
    """How a trial stood at a rung."""

    rung: int
    step: int = Field(description="At which the value was measured.")
    value: float | None = Field(description="Null for what was no number.")
    place: int = Field(description="Among those judged at this rung so far.")
    num_judged: int
    is_kept: bool = Field(description="Whether it went on.")


class TrialView(View):
    """A job of a sweep."""

    object: Literal["trial"] = "trial"
    number: int
    job_id: str
    name: str
    values: dict[str, Any] = Field(description="JSON pointer into the spec: what stands there.")
    state: State
    status_reason: Reason | None
    progress: float | None = Field(description="From 0 to 1.")
    value: float | None = Field(description="Of the metric: what the evaluation measured, else the last value.")
    judgements: list[JudgementView]


class SweepDetail(SweepView):
    """A sweep with its trials."""

    spec: dict[str, Any] = Field(description="The spec that all trials begin with.")
    trials: list[TrialView] = Field(description="Those whose jobs have not been deleted.")
    best: TrialView | None = Field(description="The best of those that have succeeded.")


class PlannedTrialView(View):
    """A job that a sweep would submit."""

    number: int
    name: str
    values: dict[str, Any]
    steps: int | None = Field(description="Optimizer steps; null where only the data's files know.")


class SweepPlanView(View):
    """What would become of a sweep."""

    object: Literal["sweep_plan"] = "sweep_plan"
    num_trials: int
    steps: int | None = Field(description="Optimizer steps of all trials, were none stopped.")
    trials: list[PlannedTrialView]


def view_sweep(sweep: tables.Sweep, states: Mapping[State, int]) -> SweepView:
    """Show a sweep as lists do."""
    return SweepView.model_validate(_sweep_fields(sweep, states))


def view_sweep_detail(
    sweep: tables.Sweep, states: Mapping[State, int], standings: Sequence[Standing], best: Standing | None
) -> SweepDetail:
    """Show a sweep whole."""
    more = {
        "spec": sweep.document,
        "trials": [_view_trial(standing) for standing in standings],
        "best": None if best is None else _view_trial(best),
    }
    return SweepDetail.model_validate(_sweep_fields(sweep, states) | more)


def _sweep_fields(sweep: tables.Sweep, states: Mapping[State, int]) -> dict[str, Any]:
    names = ("id", "name", "project", "search", "seed", "axes", "metric", "num_trials", "created_by", "created_at")
    resting = {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.PAUSED}
    return {name: getattr(sweep, name) for name in names} | {
        "direction": "minimize" if sweep.is_better_low else "maximize",
        "halving": None if sweep.factor is None else {"factor": sweep.factor, "rungs": sweep.num_rungs},
        "states": dict(states),
        "is_over": set(states) <= resting,
    }


def _view_trial(standing: Standing) -> TrialView:
    job, trial = standing.job, standing.trial
    return TrialView.model_validate(
        {
            "number": trial.number,
            "job_id": job.id,
            "name": job.name,
            "values": trial.values,
            "state": job.state,
            "status_reason": job.status_reason,
            "progress": job.progress,
            "value": standing.value,
            "judgements": list(standing.judgements),
        }
    )
