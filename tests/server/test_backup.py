from __future__ import annotations

import shutil
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from server.backup import BackupError, back_up, restore
from server.jobs.database import change_rows, now
from server.jobs.reconcile import reconcile_once
from server.jobs.tables import Job
from server.migrate import read_head
from server.settings import Settings
from tests.server.house import House, open_house
from tests.server.jobs.ground import make_settings


@pytest.fixture
def old(tmp_path: Path) -> dict[str, str]:
    return {"STILLHOUSE_HOME": str(tmp_path / "old")}


@pytest.fixture
def new(tmp_path: Path) -> dict[str, str]:
    return {"STILLHOUSE_HOME": str(tmp_path / "new")}


def look(house: House, job_id: str) -> dict[str, object]:
    """Return all that the API tells of a job."""
    address = f"/v1/jobs/{job_id}"
    parts = ("", "/events", "/metrics", "/attempts", "/artifacts", "/metrics/series?key=train/loss")
    return {part: house.client.get(address + part).json() for part in parts} | {
        "log": house.client.get(f"{address}/logs").text
    }


def test_a_backup_of_a_live_database_brings_everything_back_in_a_new_home(
    tmp_path: Path, old: dict[str, str], new: dict[str, str]
) -> None:
    backup = tmp_path / "backup.db"
    with open_house(old) as house:
        artifact = house.make_artifact(b"weights" * 1000)
        claim = house.restart_job(house.ground.submit())
        house.start_run(claim)
        house.measure(claim, {step: {"train/loss": 1 / step} for step in range(1, 200)})
        house.write_log(claim, 0, b"the log so far\n")
        assert back_up(house.service.settings, backup) > 0
        shutil.copytree(house.service.settings.artifact_address, Path(new["STILLHOUSE_HOME"]) / "artifacts")
        seen = {job_id: look(house, job_id) for job_id in (artifact["job_id"], claim.job_id)}
    assert backup.stat().st_mode & 0o777 == 0o600
    assert restore(make_settings(new), backup) == read_head()
    with open_house(new) as house:
        assert {job_id: look(house, job_id) for job_id in seen} == seen
        assert house.client.get(artifact["content_url"]).content == b"weights" * 1000
        assert house.client.get(f"/v1/jobs/{claim.job_id}").json()["state"] == "running"
        with house.ground.database.write() as session:
            lapsed = now(session) - timedelta(seconds=1)
            change_rows(session, update(Job).where(Job.id == claim.job_id).values(lease_expires_at=lapsed))
        found = reconcile_once(
            house.ground.database, house.ground.doorbell, house.ground.patient_settings, may_expire=True
        )
        assert found.lost == (claim.job_id,)
        assert house.ground.job(claim.job_id).attempt == 2


def test_a_backup_is_whole_although_somebody_writes_meanwhile(tmp_path: Path, old: dict[str, str]) -> None:
    with open_house(old) as house:
        over = threading.Event()

        def write() -> None:
            while not over.is_set():
                house.ground.submit()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(5):
                back_up(house.service.settings, tmp_path / f"{number}.db")
        finally:
            over.set()
            writer.join()
    for number in range(5):
        with sqlite3.connect(tmp_path / f"{number}.db") as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            counts = [copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("jobs", "events")]
            assert counts[0] == counts[1]  # a job and its event came in one transaction


def make_backup(old: dict[str, str], path: Path) -> Settings:
    with open_house(old) as house:
        back_up(house.service.settings, path)
        return house.service.settings


def test_nothing_that_is_there_is_overwritten(tmp_path: Path, old: dict[str, str]) -> None:
    settings = make_backup(old, tmp_path / "backup.db")
    with pytest.raises(BackupError, match="overwrites nothing"):
        back_up(settings, tmp_path / "backup.db")
    with pytest.raises(BackupError, match="move it away first"):
        restore(settings, tmp_path / "backup.db")


@pytest.mark.parametrize("damage", ["cut", "garbage", "foreign", "newer", "missing"])
def test_what_is_no_backup_of_ours_is_refused_and_leaves_nothing(
    tmp_path: Path, old: dict[str, str], new: dict[str, str], damage: str
) -> None:
    path = tmp_path / "backup.db"
    make_backup(old, path)
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:50_000])
        case "garbage":
            path.write_bytes(b"no database" * 1000)
        case "foreign":
            path.unlink()
            with sqlite3.connect(path) as database:
                database.execute("CREATE TABLE somebodys (x)")
        case "newer":
            with sqlite3.connect(path) as database:
                database.execute("UPDATE alembic_version SET version_num = '9999'")
        case _:
            path.unlink()
    with pytest.raises(BackupError):
        restore(make_settings(new), path)
    assert list(Path(new["STILLHOUSE_HOME"]).glob("*")) == []


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql://127.0.0.1/base")
    with pytest.raises(BackupError, match="pg_dump"):
        back_up(settings, tmp_path / "backup")
