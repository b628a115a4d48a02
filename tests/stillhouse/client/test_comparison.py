"""Comparisons by the client, against a real server."""

from __future__ import annotations

import pytest

from stillhouse.client import Client, InvalidRequestError, NotFoundError
from tests.stillhouse.serving import tiny_spec


def test_a_gain_that_cannot_be_told_says_why(client: Client) -> None:
    gain = client.gain(client.submit(tiny_spec()).id, metric="test/nll")
    assert (gain.metric, gain.value, gain.gain, gain.verdict, gain.controls) == ("test/nll", None, None, None, ())
    assert gain.reason
    with pytest.raises(NotFoundError):
        client.gain("job_none")


def test_jobs_are_compared_with_a_baseline(client: Client) -> None:
    first, second = (client.submit(tiny_spec() | {"runtime": {"seed": seed}}).id for seed in (1, 2))
    found = client.compare([first, second], baseline=second, with_alike=True)
    assert (found["baseline"], [job["id"] for job in found["data"]]) == (second, [first, second])
    assert {row["pointer"]: row["values"] for row in found["differs"]}["/runtime/seed"] == {first: 1, second: 2}
    assert found["alike"]
    assert client.compare([first, second])["alike"] == []
    with pytest.raises(InvalidRequestError, match="baseline"):
        client.compare([first], baseline=second)


def test_nobody_leads_before_a_job_has_succeeded(client: Client) -> None:
    client.submit(tiny_spec())
    assert client.leaderboard(dataset="digits", limit=5) == []
