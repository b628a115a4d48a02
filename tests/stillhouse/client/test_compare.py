"""Jobs side by side."""

from __future__ import annotations

from stillhouse.client import Change, Client, find_changes
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker, tiny_spec


def test_changes_are_told_by_place() -> None:
    first = {"a": 1, "b": {"c/d": [1, 2]}, "e": True, "same": [{}]}
    second = {"a": 2, "b": {"c/d": [1, 3]}, "e": 1, "f": {"g": 1}, "same": [{}]}
    assert find_changes([first, second]) == (
        Change("/a", (1, 2)),
        Change("/b/c~1d", ([1, 2], [1, 3])),
        Change("/e", (True, 1)),
        Change("/f/g", (None, 1)),
    )
    assert find_changes([first, first]) == ()
    assert find_changes([{"a": None, "b": 1}, {"b": 1}]) == ()
    assert find_changes([{"a": [1]}, {"a": [1, 2]}]) == (Change("/a", ([1], [1, 2])),)


def test_a_clone_differs_where_it_was_changed(client: Client) -> None:
    job = client.submit(tiny_spec())
    twin = client.clone(job.id, {"runtime": {"seed": 7}})
    assert client.diff(job.id, twin.id) == (Change("/runtime/seed", (0, 7)),)
    assert client.diff(job.id, twin.id, resolved=False) == (Change("/runtime/seed", (None, 7)),)


def test_jobs_are_compared_by_spec_figures_and_metrics(client: Client, hand: HandWorker) -> None:
    jobs = [client.submit(tiny_spec(seed=seed), name=f"seed {seed}") for seed in (0, 1, 2)]
    claim = hand.take(jobs[1].id)
    line = f'{{"type": "metrics", {TIME}, "stage": "train", "step": 1, "values": {{"train/loss": 0.5}}}}\n'
    hand.report(claim, RUN_STARTED, line.encode())
    found = client.compare([job.id for job in jobs])
    assert [job.name for job in found.jobs] == ["seed 0", "seed 1", "seed 2"]
    assert found.changes == (Change("/runtime/seed", (0, 1, 2)),)
    assert found.metrics == {"train/loss": (None, 0.5, None)}
    assert found.as_document()["changes"] == [{"pointer": "/runtime/seed", "values": [0, 1, 2]}]
    hand.succeed(claim, {})
