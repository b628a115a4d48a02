"""Sweeps: one experiment under many settings; each trial is a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from distill_core.errors import Problem
from distill_core.spec import ResolvedSpec, SpecError, resolve
from server.access import Caller, CallerOf
from server.jobs.sizes import measure_spec
from server.jobs.states import Verb
from server.jobs.sweep_plan import (
    MOST_TRIALS,
    Axis,
    Halving,
    Search,
    Values,
    find_axis_problems,
    name_trial,
    plan_trials,
    set_values,
)
from server.jobs.sweeps import (
    Goal,
    add_sweep,
    count_states,
    find_best,
    find_sweep,
    list_sweeps,
    move_sweep,
    read_standings,
)
from server.jobs.tables import Sweep
from server.problems import BodyInvalidError, SpecInvalidError, count_problems
from server.routes.body import Body, JobBody, check_body, describe_json
from server.routes.examples import SPEC
from server.routes.listing import choose_project
from server.routes.query import KnownQuery, Limit, PlainTruth
from server.routes.submission import Key, Submission, check_inputs, digest_of, find_earlier, remember, store_job
from server.service import ReadSession, ServiceOf
from server.views import Page, cut_page
from server.views.sweeps import (
    PlannedTrialView,
    SweepDetail,
    SweepPlanView,
    SweepView,
    view_sweep,
    view_sweep_detail,
)
from server.writing import WriteSession, audited, name_target

router = APIRouter(prefix="/v1/sweeps", tags=["sweeps"], dependencies=[Depends(KnownQuery())])

_MOST_AXES = 16
_REFUSALS: dict[int | str, dict[str, Any]] = {404: {}, 409: {}}
_EXAMPLE = {
    "spec": SPEC,
    "axes": {
        "/stages/0/optimizer/lr": {"low": 0.01, "high": 0.2, "scale": "log", "points": 3},
        "/runtime/seed": {"values": [0, 1]},
    },
    "metric": "val/accuracy",
}


class SweepBody(JobBody):
    """A sweep to submit: what a job is, and what its trials have otherwise."""

    axes: dict[str, Axis] = Field(
        min_length=1, max_length=_MOST_AXES, description="JSON pointer into the spec as sent: what may stand there."
    )
    search: Search = Field(default="grid", description="Every combination, or some by chance.")
    trials: int | None = Field(default=None, ge=1, le=MOST_TRIALS, description="How many trials a random search takes.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Of the random search.")
    metric: str | None = Field(
        default=None, min_length=1, max_length=128, description="What trials are judged by, as `val/accuracy`."
    )
    direction: Literal["minimize", "maximize"] | None = Field(
        default=None, description="Which way the metric is better; told by its name if left out."
    )
    halving: Halving | None = Field(default=None, description="Stop trials that lag; none runs all to their end.")


@dataclass(frozen=True, slots=True)
class Planned:
    """A sweep that may be stored, apart from what the database knows: its trials are submissions."""

    body: SweepBody
    name: str
    digest: str
    trials: tuple[tuple[Submission, Values], ...]


def check_sweep(body: Body) -> Planned:
    """Return what was asked for.

    Raises:
        BodyInvalidError: the body holds other things than it may, or axes that cannot be searched.
        SpecInvalidError: a trial's spec asks for something that cannot be; pointers lead into it.
    """
    checked = check_body(SweepBody, body)
    problems = [*find_axis_problems(checked.axes, checked.search, checked.trials)]
    if checked.halving is not None and checked.metric is None:
        allowed = "a metric that is measured on the way, such as val/accuracy"
        problems.append(Problem("/metric", "field_missing", "trials are judged by a metric", allowed=allowed))
    if problems:
        raise BodyInvalidError(count_problems(problems, "body"), problems)
    try:
        plan = plan_trials(checked.axes, checked.search, checked.trials, checked.seed)
        documents = [set_values(checked.spec, values) for values in plan]
    except SpecError as error:
        raise BodyInvalidError(count_problems(error.problems, "body"), error.problems) from error
    digest, trials, name = digest_of(body), [], checked.name
    for number, (values, document) in enumerate(zip(plan, documents, strict=True), 1):
        resolved = _resolve(document, number, values)
        name = name or resolved.name
        trial = _make_trial(checked, document, name_trial(name, values))
        trials.append((Submission(trial, resolved, digest), values))
    return Planned(checked, name or "", digest, tuple(trials))


def _resolve(document: dict[str, Any], number: int, values: Mapping[str, Any]) -> ResolvedSpec:
    try:
        return resolve(document)
    except SpecError as error:
        told = ", ".join(f"{pointer} = {value!r}" for pointer, value in values.items())
        detail = f"trial {number} ({told}): {count_problems(error.problems, 'spec')}"
        raise SpecInvalidError(detail, error.problems) from error


def _make_trial(body: SweepBody, document: dict[str, Any], name: str) -> JobBody:
    """Return a trial as a job to submit."""
    same = {field: getattr(body, field) for field in JobBody.model_fields}
    return JobBody.model_validate(same | {"spec": document, "name": name})


Wanted = Annotated[Planned, Depends(check_sweep)]


@router.post(
    "",
    status_code=201,
    summary="Submit a sweep",
    openapi_extra=describe_json(SweepBody, _EXAMPLE),
    response_model=SweepDetail,
    responses={
        200: {"model": SweepPlanView, "description": "What would become of it."},
        201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Address of the sweep."}}},
        409: {},
    },
)
def submit_sweep(
    request: Request,
    service: ServiceOf,
    planned: Wanted,
    key: Key,
    caller: CallerOf,
    response: Response,
    background: BackgroundTasks,
    dry_run: Annotated[PlainTruth, Query(description="Say what its trials would be; store nothing.")] = False,
) -> SweepDetail | Response:
    """Put a job into the queue for each combination of settings, all in one transaction."""
    if dry_run:
        with service.database.read() as session:
            for submission, _ in planned.trials:
                check_inputs(session, submission.body.spec, caller)
        return JSONResponse(_view_plan(planned).model_dump(mode="json"))
    with audited(request, service, caller) as session:
        sweep, is_replay = _store(session, planned, key, caller)
        name_target(request, sweep.id, None if is_replay else sweep.created_at)
        view = _view(session, sweep)
    response.headers["Location"] = f"/v1/sweeps/{sweep.id}"
    if is_replay:
        response.headers["Idempotency-Replayed"] = "true"
    background.add_task(service.scheduler.assign)
    return view


@router.get("", summary="List sweeps", responses={404: {}})
def list_all_sweeps(
    session: ReadSession,
    caller: CallerOf,
    project: Annotated[str | None, Query(max_length=64, description="Room of the sweeps; the caller's own.")] = None,
    limit: Limit = 20,
    after: Annotated[str | None, Query(max_length=64, description="`last_id` of the page before.")] = None,
) -> Page[SweepView]:
    """Return a page of sweeps, the newest first."""
    sweeps = list_sweeps(session, choose_project(caller, project), after, limit)
    states = count_states(session, [sweep.id for sweep in sweeps])
    return cut_page([view_sweep(sweep, states[sweep.id]) for sweep in sweeps], limit)


@router.get("/{sweep_id}", summary="Look at a sweep", responses={404: {}})
def read_sweep(session: ReadSession, sweep_id: str) -> SweepDetail:
    """Return a sweep with its trials, how they were judged, and the best."""
    return _view(session, find_sweep(session, sweep_id))


@router.post("/{sweep_id}/cancel", status_code=202, summary="Cancel a sweep", responses=_REFUSALS)
def cancel_sweep(session: WriteSession, caller: CallerOf, sweep_id: str) -> SweepDetail:
    """Ask for every trial that is not over to be ended; asking again changes nothing."""
    return _move(session, sweep_id, Verb.CANCEL, caller)


@router.post("/{sweep_id}/pause", status_code=202, summary="Pause a sweep", responses=_REFUSALS)
def pause_sweep(session: WriteSession, caller: CallerOf, sweep_id: str) -> SweepDetail:
    """Ask every running trial to save a checkpoint and give its devices back; those that wait go on waiting."""
    return _move(session, sweep_id, Verb.PAUSE, caller)


@router.post("/{sweep_id}/resume", status_code=202, summary="Resume a sweep", responses=_REFUSALS)
def resume_sweep(
    session: WriteSession, caller: CallerOf, service: ServiceOf, sweep_id: str, background: BackgroundTasks
) -> SweepDetail:
    """Let paused trials wait for devices again; asking again changes nothing."""
    background.add_task(service.scheduler.assign)
    return _move(session, sweep_id, Verb.RESUME, caller)


@router.post("/{sweep_id}/retry", status_code=202, summary="Retry a sweep's trials", responses=_REFUSALS)
def retry_sweep(
    session: WriteSession, caller: CallerOf, service: ServiceOf, sweep_id: str, background: BackgroundTasks
) -> SweepDetail:
    """Run trials that failed or were cancelled by a person once more; those that lagged stay stopped."""
    background.add_task(service.scheduler.assign)
    return _move(session, sweep_id, Verb.RETRY, caller)


def _store(session: Session, planned: Planned, key: str | None, caller: Caller) -> tuple[Sweep, bool]:
    """Store a sweep and its jobs, or find the one that the key made before; say whether it was there."""
    earlier = find_earlier(session, planned.digest, key, caller)
    if earlier is not None:
        return find_sweep(session, earlier.sweep_id or ""), True
    body = planned.body
    jobs = [(store_job(session, submission, caller), values) for submission, values in planned.trials]
    is_low = None if body.direction is None else body.direction == "minimize"
    axes = {pointer: axis.model_dump(mode="json", exclude_defaults=True) for pointer, axis in body.axes.items()}
    sweep = add_sweep(
        session,
        name=planned.name,
        document=body.spec,
        axes=axes,
        search=body.search,
        seed=body.seed,
        goal=Goal(body.metric, is_low, body.halving),
        trials=jobs,
    )
    remember(session, planned.digest, key, caller, jobs[0][0])
    return sweep, False


def _move(session: Session, sweep_id: str, verb: Verb, caller: Caller) -> SweepDetail:
    sweep = find_sweep(session, sweep_id)
    move_sweep(session, sweep, verb, caller.key_id)
    session.expire_all()
    return _view(session, sweep)


def _view(session: Session, sweep: Sweep) -> SweepDetail:
    standings = read_standings(session, sweep)
    states = count_states(session, [sweep.id])[sweep.id]
    return view_sweep_detail(sweep, states, standings, find_best(sweep, standings))


def _view_plan(planned: Planned) -> SweepPlanView:
    trials = []
    for number, (submission, values) in enumerate(planned.trials, 1):
        size = measure_spec(submission.resolved)
        steps = size.steps if size else None
        name = submission.body.name or planned.name
        trials.append(PlannedTrialView(number=number, name=name, values=values, steps=steps))
    counted = [trial.steps for trial in trials if trial.steps is not None]
    steps = sum(counted) if len(counted) == len(trials) else None
    return SweepPlanView(num_trials=len(trials), steps=steps, trials=trials)
