from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from server.jobs.tables import Job
from server.jobs.turns import MAX_POINTS, take_turns, weigh

NOW = datetime(2026, 1, 10, tzinfo=UTC)


def job(name: str, *, project: str = "a", priority: int = 0, hours: float = 0.0) -> Job:
    queued = NOW - timedelta(hours=hours)
    return Job(id=name, project=project, priority=priority, created_at=NOW - timedelta(days=9), queued_at=queued)


def order(jobs: list[Job], held: dict[str, int] | None = None) -> list[str]:
    return [each.id for each in take_turns(jobs, NOW, held or {})]


def test_a_higher_priority_goes_before_a_greater_age() -> None:
    assert order([job("old", hours=0.9), job("urgent", priority=1)]) == ["urgent", "old"]


def test_among_equals_of_one_project_the_eldest_goes_first() -> None:
    assert order([job("1", hours=0.1), job("2", hours=0.3), job("3", hours=0.2)]) == ["2", "3", "1"]


@pytest.mark.parametrize(("hours", "points"), [(0.99, 0), (1.0, 1), (5.5, 5), (1000.0, MAX_POINTS)])
def test_every_full_hour_in_the_queue_is_worth_a_point_up_to_a_limit(hours: float, points: int) -> None:
    assert weigh(job("x", priority=-3, hours=hours), NOW) == points - 3


def test_a_job_that_has_waited_long_goes_before_fresh_ones_of_a_higher_priority() -> None:
    fresh = [job(f"fresh {number}", priority=10, project="b") for number in range(3)]
    assert order([*fresh, job("patient", hours=11.0)], {"a": 100})[0] == "patient"


def test_the_project_that_holds_the_fewest_devices_goes_first() -> None:
    waiting = [job("a1", hours=0.9), job("b1", project="b", hours=0.1), job("c1", project="c", hours=0.5)]
    assert order(waiting, {"a": 2, "c": 1}) == ["b1", "c1", "a1"]


def test_projects_take_turns_as_their_jobs_get_devices() -> None:
    flood = [job(f"a{number}", hours=0.9 - number / 100) for number in range(5)]
    few = [job(f"b{number}", project="b", hours=0.1 - number / 100) for number in range(2)]
    held: Counter[str] = Counter()
    served = []
    for each in take_turns([*flood, *few], NOW, held):
        held[each.project] += 1
        served.append(each.id)
    assert served == ["a0", "b0", "a1", "b1", "a2", "a3", "a4"]
