"""Rate limits under calls that come at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits.storage import MemoryStorage

from server.limits import RateLimits
from server.problems import TooManyRequestsError


def test_requests_that_come_at_once_count_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store starts a timer in each call; two of them in it at once may start the same one, and one then fails."""
    inside = threading.Lock()
    alone: list[bool] = []

    def acquire(_storage: MemoryStorage, *_: object, **__: object) -> bool:
        is_alone = inside.acquire(blocking=False)
        alone.append(is_alone)
        if is_alone:
            time.sleep(0.005)
            inside.release()
        return True

    monkeypatch.setattr(MemoryStorage, "acquire_entry", acquire)
    limits = RateLimits("100/second", "1/second")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(limits.count, ["key_1"] * 24))
    assert alone == [True] * 24


def test_each_request_counts_once_however_many_come_at_once() -> None:
    limits = RateLimits("20/hour", "1/second")

    def count(_: int) -> bool:
        try:
            limits.count("key_1")
        except TooManyRequestsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(count, range(64))) == 20
