from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from server.jobs.patience import DatabaseUnreachableError, patiently

_REFUSED = "connection refused\nIs the server running?"


class Flaky:
    """Fails as an outage does for some calls."""

    def __init__(self, num_failures: int) -> None:
        self.num_failures, self.num_calls = num_failures, 0

    @patiently
    def ask(self) -> str:
        self.num_calls += 1
        if self.num_calls <= self.num_failures:
            raise OperationalError("SELECT 1", {}, Exception(_REFUSED))
        return "an answer"


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, which nobody waits for; the clock goes on by them."""
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    monkeypatch.setattr("tenacity.time.monotonic", lambda: sum(waits))
    return waits


def test_an_outage_is_waited_for(slept: list[float]) -> None:
    flaky = Flaky(4)
    assert flaky.ask() == "an answer"
    assert (flaky.num_calls, len(slept)) == (5, 4)
    assert max(slept) <= 5


def test_patience_ends_with_a_sentence_that_says_what_to_do(slept: list[float]) -> None:
    with pytest.raises(DatabaseUnreachableError, match=r"for 60 s: .*connection refused; start it, or let STILLHOUSE_"):
        Flaky(1000).ask()
    assert 60 <= sum(slept) < 70


def test_what_is_no_outage_is_told_at_once(slept: list[float]) -> None:
    with pytest.raises(ValueError, match="another thing"):
        patiently(_fail)()
    assert slept == []


def _fail() -> None:
    raise ValueError("another thing")
