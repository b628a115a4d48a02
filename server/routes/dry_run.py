"""What would become of a submission, without storing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from distill_core.spec import ResolvedSpec
from distill_core.spec.stage import ResolvedStage
from server.forecast_views import CostView, DryRunView, StageCacheView, view_range
from server.jobs.forecast import Pool, count_before, read_pool
from server.jobs.history import Order, Run, estimate
from server.jobs.queries import is_cache_ready
from server.jobs.sizes import measure_spec
from server.jobs.submit import digest_spec, summarise
from server.routes.submission import Submission, check_artifacts
from server.settings import Settings
from server.views import ProblemEntry


def try_submission(session: Session, submission: Submission, settings: Settings) -> DryRunView:
    """Return what the submission would be and take.

    Raises:
        SpecInvalidError: the spec names artifacts that cannot be used.
    """
    check_artifacts(session, submission.body.spec)
    resolved, pool = submission.resolved, read_pool(session, settings.pool, settings)
    return DryRunView(
        resolved_spec=resolved.as_document(),
        warnings=list(_find_warnings(resolved, pool)),
        cost=_estimate_cost(resolved, pool.runs),
        cache=_look_for_caches(session, resolved, pool.runs),
        place_in_queue=count_before(session, settings.pool, submission.body.priority) + 1,
    )


def _estimate_cost(resolved: ResolvedSpec, runs: Sequence[Run]) -> CostView:
    size = measure_spec(resolved)
    order = Order(summarise(resolved), _num_devices(resolved), size.steps if size else None)
    found = estimate(order, runs)
    return CostView(
        steps=size.steps if size else None,
        samples=size.samples if size else None,
        seconds=view_range(found.seconds),
        basis=found.basis,
        num_runs=found.num_runs,
    )


def _find_warnings(resolved: ResolvedSpec, pool: Pool) -> Iterator[ProblemEntry]:
    need = _num_devices(resolved)
    if need > pool.num_slots:
        message = f"it needs {need} devices at once; the live workers have {pool.num_slots}"
        yield ProblemEntry(pointer="/runtime/devices", code="devices_missing", message=message, value=need)
    if measure_spec(resolved) is None:
        message = "only the files know how many samples there are: its length cannot be told"
        yield ProblemEntry(pointer="/data", code="length_unknown", message=message)
    if resolved.evaluation.stream is None:
        message = "no stream is evaluated on: the student will have no figures"
        yield ProblemEntry(pointer="/evaluation/stream", code="nothing_evaluated", message=message)


def _look_for_caches(session: Session, resolved: ResolvedSpec, runs: Sequence[Run]) -> list[StageCacheView]:
    """Say of each stage whether its teachers' outputs are stored, as far as a run of the very same spec tells."""
    storing = [stage for stage in resolved.stages if _may_store(stage)]
    digest = digest_spec(resolved.as_document())
    key = next((run.cache_key for run in runs if run.spec_sha256 == digest and run.cache_key), None)
    is_known = key is not None and len(storing) == 1
    views = []
    for stage in resolved.stages:
        if stage not in storing:
            views.append(StageCacheView(stage=stage.name, state=None))
        elif key is None or not is_known:
            views.append(StageCacheView(stage=stage.name, state="unknown"))
        else:
            views.append(StageCacheView(stage=stage.name, state="hit" if is_cache_ready(session, key) else "miss"))
    return views


def _may_store(stage: ResolvedStage) -> bool:
    return bool(stage.teachers) and stage.cache.mode != "off"


def _num_devices(resolved: ResolvedSpec) -> int:
    return resolved.runtime.nodes * resolved.runtime.devices
