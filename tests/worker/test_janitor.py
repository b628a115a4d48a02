from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.jobs.loss import lose_attempt
from server.jobs.states import Reason
from tests.server.jobs.ground import Ground
from worker.janitor import sweep_folders, sweep_orphans
from worker.processes import Mark, end_processes, find_marked


@contextmanager
def _process(mark: Mark) -> Iterator[subprocess.Popen[bytes]]:
    program = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(program, env=dict(os.environ) | mark.as_environment())
    try:
        while (process.pid, mark) not in find_marked(mark.installation):
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.wait()


def test_only_processes_of_this_installation_whose_lease_is_dead_are_killed(ground: Ground) -> None:
    claim = ground.start_job()
    live = Mark("here", claim.job_id, 1, claim.token)
    stale = Mark("here", claim.job_id, 1, claim.token - 1)
    stranger = Mark("elsewhere", claim.job_id, 1, 77)
    with _process(live) as kept, _process(stale) as killed, _process(stranger) as spared:
        assert sweep_orphans(ground.database, "here") == [stale]
        assert killed.wait(5) == -9
        assert (kept.poll(), spared.poll()) == (None, None)
        with ground.database.write() as session:
            lose_attempt(session, claim.job_id, reason=Reason.WORKER_LOST, message="", actor="reconciler")
        assert sweep_orphans(ground.database, "here") == [live]
        assert kept.wait(5) == -9


def test_the_end_of_an_attempt_takes_its_children_with_it() -> None:
    mark = Mark("here", "job_x", 1, 1)
    spawn = "import subprocess, time; subprocess.Popen(['sleep', '60'], start_new_session=True); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", spawn], env=dict(os.environ) | mark.as_environment())
    while len(list(find_marked("here"))) < 2:
        time.sleep(0.01)
    assert end_processes(mark, 5)
    assert parent.wait(5) == -9
    assert not list(find_marked("here"))


def test_folders_of_dead_attempts_are_removed_and_live_or_fresh_ones_kept(ground: Ground, tmp_path: Path) -> None:
    claim = ground.start_job()
    live, dead, fresh = (tmp_path / claim.job_id / name for name in ("001", "000", "007"))
    other = tmp_path / "job_gone" / "001"
    for folder in (live, dead, fresh, other):
        folder.mkdir(parents=True)
    for folder in (live, dead, other):
        os.utime(folder, (0, 0))
    assert set(sweep_folders(ground.database, tmp_path)) == {dead, other}
    assert live.exists()
    assert fresh.exists()
    assert not other.parent.exists()
