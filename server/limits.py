"""How often keys and strangers may call this process."""

from __future__ import annotations

import math
import threading
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from server.problems import TooManyRequestsError


class RateLimits:
    """Counts requests in moving windows, in this process alone.

    Args:
        per_key: requests of one key, such as `600/minute`.
        failures: requests of one address without a valid key.
    """

    def __init__(self, per_key: str, failures: str) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_key, self._failures = parse(per_key), parse(failures)
        self._lock = threading.Lock()

    def count(self, key_id: str) -> None:
        """Count a request of a key.

        Raises:
            TooManyRequestsError: the key has sent too many.
        """
        self._hit(self._per_key, "key", key_id)

    def count_failure(self, address: str) -> None:
        """Count a request without a valid key.

        Raises:
            TooManyRequestsError: the address has sent too many.
        """
        self._hit(self._failures, "address", address)

    def _hit(self, limit: RateLimitItem, kind: str, name: str) -> None:
        with self._lock:  # two at once may both start the storage's timer, and one of them would fail
            if self._limiter.hit(limit, kind, name):
                return
        wait_s = max(1, math.ceil(self._limiter.get_window_stats(limit, kind, name).reset_time - time.time()))
        headers = {"Retry-After": str(wait_s)}
        raise TooManyRequestsError(f"at most {limit} are taken; try again in {wait_s} s", headers=headers)
