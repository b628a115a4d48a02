from __future__ import annotations

import threading

import pytest

from server.jobs.database import lock
from tests.server.jobs.ground import Ground


@pytest.mark.parametrize("stores", ["postgres+redis"], indirect=True)
def test_who_freezes_in_a_transaction_keeps_its_locks_no_longer_than_its_lease(ground: Ground) -> None:
    got = threading.Event()

    def wait_for_lock() -> None:
        with ground.database.write() as session:
            lock(session, "events")
        got.set()

    frozen = ground.database.engine.connect()
    frozen.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('stillhouse.events'))")
    waiting = threading.Thread(target=wait_for_lock)
    waiting.start()
    assert not got.wait(ground.settings.lease_ttl_s / 3)
    assert got.wait(ground.settings.lease_ttl_s + 5)
    waiting.join()
    frozen.invalidate()
    frozen.close()
