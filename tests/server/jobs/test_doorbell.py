from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from server.jobs.doorbell import Doorbell, build_celery, empty_mail, queue_of
from tests.server.jobs.ground import Ground, make_settings


def _letters(ground: Ground, worker_id: str) -> list[str]:
    """Return the job ids on a worker's queue, in order."""
    found = []
    with build_celery(ground.settings).connection() as connection:
        queue = queue_of(worker_id)(connection.default_channel)
        while (message := queue.get()) is not None:
            message.ack()
            found.append(message.payload[0][0])
    return found


def test_bells_reach_the_queue_of_their_worker_in_order(ground: Ground) -> None:
    jobs = [f"job_{number}" for number in range(12)]
    for job_id in jobs:
        ground.doorbell.ring("wrk_a", job_id)
    ground.doorbell.ring("wrk_b", "job_b")
    assert _letters(ground, "wrk_a") == jobs
    assert _letters(ground, "wrk_b") == ["job_b"]


def test_a_broker_that_does_not_answer_raises_nothing(ground: Ground) -> None:
    away = make_settings(ground.environment | {"STILLHOUSE_BROKER_URL": "redis://127.0.0.1:1/0"})
    Doorbell(away).ring("wrk_a", "job_a")


def test_the_folders_of_the_files_broker_are_private_and_can_be_emptied(tmp_path: Path) -> None:
    settings = make_settings({"STILLHOUSE_HOME": str(tmp_path)})
    Doorbell(settings).ring("wrk_a", "job_a")
    folders = [tmp_path / "broker", *(path for path in (tmp_path / "broker").iterdir() if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert list(tmp_path.rglob("*.wrk_a.msg"))
    empty_mail(settings)
    assert not list(tmp_path.rglob("*.msg"))


def test_jobs_need_neither_torch_nor_fastapi() -> None:
    program = (
        "import pkgutil, importlib, sys, server.jobs\n"
        "[importlib.import_module(f'server.jobs.{m.name}') for m in pkgutil.iter_modules(server.jobs.__path__)]\n"
        "sys.exit(bool({'torch', 'fastapi', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
