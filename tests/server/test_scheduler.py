from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sqlalchemy import event

from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.migrate import upgrade
from server.scheduler import Scheduler
from server.settings import Settings
from tests.server.jobs.ground import Ground, make_settings


class _CountedBells(Doorbell):
    """A doorbell that notes who was rung, and takes a while for it."""

    def __init__(self, settings: Settings, wait_s: float) -> None:
        super().__init__(settings)
        self.wait_s, self.rung = wait_s, list[str]()

    def ring(self, worker_id: str, job_id: str) -> None:
        time.sleep(self.wait_s)
        self.rung.append(job_id)
        super().ring(worker_id, job_id)


def _open_ground(tmp_path: Path, wait_s: float = 0.0) -> tuple[Ground, _CountedBells]:
    settings = make_settings({"STILLHOUSE_HOME": str(tmp_path), "STILLHOUSE_LEASE_TTL_S": "40"})
    database, bells = Database(settings), _CountedBells(settings, wait_s)
    upgrade(database, settings)
    return Ground({}, settings, database, bells), bells


def test_who_asks_while_a_pass_runs_waits_for_one_that_began_later_and_sees_its_job(tmp_path: Path) -> None:
    ground, bells = _open_ground(tmp_path, wait_s=0.3)
    scheduler = Scheduler(ground.database, bells, ground.settings)
    ground.announce(num_slots=2)

    async def submit_two() -> tuple[str, str]:
        first = await asyncio.to_thread(ground.submit)
        running = asyncio.create_task(scheduler.assign())
        await asyncio.sleep(0.1)
        second = await asyncio.to_thread(ground.submit)
        await asyncio.gather(*(scheduler.assign() for _ in range(20)))
        await running
        return first, second

    started = asyncio.run(submit_two())
    assert tuple(bells.rung) == started


def test_twenty_who_ask_at_once_share_one_pass(tmp_path: Path) -> None:
    ground, bells = _open_ground(tmp_path)
    scheduler = Scheduler(ground.database, bells, ground.settings)
    looks = list[str]()
    event.listen(ground.database.engine, "before_cursor_execute", lambda *args: looks.append(args[2]))

    async def ask() -> None:
        await asyncio.gather(*(scheduler.assign() for _ in range(20)))

    asyncio.run(ask())
    assert len([look for look in looks if "FROM workers" in look]) == 1


def test_a_pass_that_fails_stops_neither_who_waits_nor_the_next(tmp_path: Path) -> None:
    ground, bells = _open_ground(tmp_path)
    scheduler = Scheduler(ground.database, bells, ground.settings)
    ground.announce()
    job_id = ground.submit()
    hidden = tmp_path / "away"
    ground.database.dispose()
    (tmp_path / "stillhouse.db").rename(hidden)

    async def fail_then_assign() -> None:
        await scheduler.assign()
        ground.database.dispose()
        hidden.rename(tmp_path / "stillhouse.db")
        await scheduler.assign()

    asyncio.run(fail_then_assign())
    assert bells.rung == [job_id]
