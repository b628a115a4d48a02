"""The best jobs by a metric."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.jobs.gain import is_better_low
from server.jobs.listing import JobFilter, Sort, list_jobs, read_last_values
from server.jobs.states import State
from server.jobs.tables import Job


@dataclass(frozen=True, slots=True)
class Leader:
    """A job, its value, and its place; equal values share one."""

    job: Job
    value: float
    rank: int


def list_leaders(session: Session, project: str, metric: str, dataset: str | None, limit: int) -> list[Leader]:
    """Return the succeeded jobs of a project with the best last values of a metric, the best first."""
    components = {} if dataset is None else {"datasets": dataset}
    wanted = JobFilter(project, states=(State.SUCCEEDED,), components=components)
    order = Sort("metric", metric, is_descending=not is_better_low(metric))
    jobs = list_jobs(session, wanted, order, None, limit).jobs
    last = read_last_values(session, [job.id for job in jobs], [metric])
    leaders: list[Leader] = []
    for place, job in enumerate(jobs, 1):
        found = last[job.id].get(metric)
        if found is None or found.last is None:
            break  # those without a value come last
        is_tie = bool(leaders) and leaders[-1].value == found.last
        leaders.append(Leader(job, found.last, leaders[-1].rank if is_tie else place))
    return leaders
