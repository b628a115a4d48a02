"""Whose turn it is: the order in which queued jobs are offered the free devices.

First comes priority, to which every full hour in the queue adds a point, up to 48: so no job is passed by for ever by
jobs of a priority that is higher by less than that. Among equals the project that holds the fewest devices at this
moment goes first, and of its jobs the one that has waited longest.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby

from server.jobs.tables import Job

POINT_S = 3600.0
MAX_POINTS = 48


def weigh(job: Job, moment: datetime) -> int:
    """Return a job's priority with what its waiting adds."""
    waited_s = (moment - queued_at(job)).total_seconds()
    return job.priority + min(MAX_POINTS, max(0, int(waited_s / POINT_S)))


def queued_at(job: Job) -> datetime:
    """Return when a job entered the queue."""
    return job.queued_at or job.created_at


def take_turns(jobs: Iterable[Job], moment: datetime, held: Mapping[str, int]) -> Iterator[Job]:
    """Yield the jobs in turn.

    Args:
        jobs: of one pool.
        moment: now.
        held: project -> devices that it holds; it may change while the turns are taken.
    """
    ordered = sorted(jobs, key=lambda job: (-weigh(job, moment), queued_at(job), job.id))
    for _, equals in groupby(ordered, key=lambda job: weigh(job, moment)):
        yield from _share_out(equals, held)


def _share_out(jobs: Iterable[Job], held: Mapping[str, int]) -> Iterator[Job]:
    """Yield jobs of equal weight, each time from the project that holds the fewest devices; age decides ties."""
    lines: dict[str, deque[Job]] = defaultdict(deque)
    for job in jobs:
        lines[job.project].append(job)
    while lines:
        project = min(lines, key=lambda name: (held.get(name, 0), queued_at(lines[name][0]), lines[name][0].id))
        yield lines[project].popleft()
        if not lines[project]:
            del lines[project]
