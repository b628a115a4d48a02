from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, func, select

from server.jobs.database import Database, do_last, find_dated, lock, now
from server.jobs.leadership import hold
from server.jobs.tables import Lease
from tests.server.jobs.ground import Ground


@pytest.mark.parametrize("ready_stores", ["postgres+redis"], indirect=True)
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


def test_writers_and_readers_at_once_meet_no_locked_database(ground: Ground) -> None:
    def write(number: int) -> int:
        with ground.database.write() as session:
            return hold(session, f"right {number}", "the test", 60)

    def read(_number: int) -> int:
        with ground.database.read() as session:
            return session.scalar(select(func.count()).select_from(Lease)) or 0

    with ThreadPoolExecutor(8) as pool:
        written = [pool.submit(write, number) for number in range(400)]
        seen = [pool.submit(read, number) for number in range(400)]
        assert all(done.result() for done in written)
        assert all(0 <= done.result() <= 400 for done in seen)
    assert read(0) == 400


def test_children_of_a_process_that_used_the_database_open_it_anew(ground: Ground) -> None:
    """As the pool of a worker does: an engine that is shared over a fork mixes up answers."""
    with ground.database.read() as session:
        session.scalar(select(func.count()).select_from(Lease))
    ground.database.dispose()
    children = [_fork(ground, child) for child in range(2)]
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
    with ground.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Lease)) == 1000


def _fork(ground: Ground, child: int) -> int:
    """Start a process that writes 500 rows in transactions of its own, and return its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        database = Database(ground.settings)
        for number in range(500):
            with database.write() as session:
                hold(session, f"{child} {number}", "a child", 60)
        database.dispose()
    except BaseException:  # noqa: BLE001  a child must not go on as the test
        os._exit(1)
    os._exit(0)


def test_what_is_to_be_done_last_is_done_after_all_else_of_the_transaction(ground: Ground) -> None:
    done = []
    with ground.database.write() as session:
        do_last(session, lambda: done.append("last"))
        hold(session, "a right", "the test", 60)
        done.append("first")
    assert done == ["first", "last"]


def test_what_is_to_be_done_last_is_not_done_in_a_transaction_that_fails(ground: Ground) -> None:
    done: list[str] = []

    def fail() -> None:
        with ground.database.write() as session:
            do_last(session, lambda: done.append("last"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert done == []


@pytest.mark.parametrize("ready_stores", ["postgres+redis"], indirect=True)
def test_a_connection_that_died_while_it_rested_is_not_used(ground: Ground) -> None:
    with ground.database.read() as session:
        mine = session.scalar(select(func.pg_backend_pid()))
    killer = create_engine(ground.settings.database_address)
    with killer.begin() as connection:
        connection.execute(select(func.pg_terminate_backend(mine)))
    killer.dispose()
    time.sleep(1.1)
    with ground.database.read() as session:
        assert session.scalar(select(func.pg_backend_pid())) != mine


def test_a_row_and_the_time_come_in_one_statement(ground: Ground) -> None:
    with ground.database.write() as session:
        before = now(session)
        hold(session, "a right", "the test", 60)
        found = find_dated(session, select(Lease).where(Lease.name == "a right"))
        missing = find_dated(session, select(Lease).where(Lease.name == "none"))
    assert found is not None
    assert found[0].owner == "the test"
    assert before <= found[1] <= before + timedelta(seconds=30)
    assert missing is None
