"""Comparisons by the client, against a real server."""

from __future__ import annotations

import pytest

from stillhouse.client import Change, Client, InvalidRequestError, NotFoundError
from tests.stillhouse.serving import tiny_spec


def test_a_gain_that_cannot_be_told_says_why(client: Client) -> None:
    gain = client.gain(client.submit(tiny_spec()).id, metric="test/nll")
    assert (gain.metric, gain.value, gain.gain, gain.verdict, gain.controls) == ("test/nll", None, None, None, ())
    assert gain.reason
    with pytest.raises(NotFoundError):
        client.gain("job_none")


def test_jobs_are_compared_with_a_baseline(client: Client) -> None:
    first, second = (client.submit(tiny_spec() | {"runtime": {"seed": seed}}).id for seed in (1, 2))
    found = client.compare([first, second], baseline=second)
    assert (found.baseline, [job.id for job in found.jobs]) == (second, [first, second])
    assert found.changes == (Change("/runtime/seed", (1, 2)),)
    with pytest.raises(InvalidRequestError, match="baseline"):
        client.compare([first], baseline=second)
    with pytest.raises(NotFoundError):
        client.compare([first, "job_none"])


def test_nobody_leads_by_what_nobody_measured(client: Client) -> None:
    client.submit(tiny_spec())
    assert client.leaderboard(metric="test/never_measured", dataset="digits", limit=5) == []
