from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from server import doctor
from server.doctor import Finding, examine
from server.migrate import read_head
from server.settings import Settings
from stillhouse.cli.app import app
from tests.server.house import House
from tests.server.jobs.ground import make_settings


@pytest.fixture(autouse=True)
def quick_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say what torch would, for the tests that are not about it."""
    monkeypatch.setattr(doctor, "_TORCH", 'print(\'{"version": "0", "gpus": 0}\')')


def find(settings: Settings, name: str) -> Finding:
    return {finding.name: finding for finding in examine(settings)}[name]


def test_a_service_that_is_well_is_well_in_every_way(house: House) -> None:
    house.ground.announce()
    found = {finding.name: finding for finding in examine(house.service.settings.model_copy(update={"port": 0}))}
    assert {name: finding.message for name, finding in found.items() if finding.level == "fail"} == {}
    assert [found[name].level for name in ("settings", "database", "clock", "broker", "artifacts", "port")] == [
        "ok"
    ] * 6
    assert (found["workers"].level, "1 in pool default" in found["workers"].message) == ("ok", True)


def test_looking_leaves_nothing_behind(house: House) -> None:
    folder = Path(house.service.settings.artifact_address)
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    assert find(house.service.settings, "artifacts").level == "ok"
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before


def test_a_home_that_is_not_there_yet_is_no_failure(tmp_path: Path) -> None:
    settings = make_settings({"STILLHOUSE_HOME": str(tmp_path / "home"), "STILLHOUSE_PORT": "0"})
    found = {finding.name: finding.level for finding in examine(settings)}
    assert "fail" not in found.values()
    assert (found["home"], found["database"], found["workers"]) == ("warn", "warn", "warn")


def test_files_that_others_may_read_are_told(local_house: House) -> None:
    key = local_house.service.settings.home_folder / "key"
    key.touch(mode=0o600)
    local_house.service.settings.home_folder.chmod(0o700)
    for path in local_house.service.settings.home_folder.iterdir():
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert find(local_house.service.settings, "home").level == "ok"
    key.chmod(0o644)
    finding = find(local_house.service.settings, "home")
    assert (finding.level, finding.advice) == ("warn", f"chmod go= {key}")


def test_an_old_schema_is_told_with_what_to_do(house: House) -> None:
    with house.service.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    finding = find(house.service.settings, "database")
    assert (finding.level, "0001" in finding.message) == ("fail", True)
    assert "stillhouse db upgrade" in (finding.advice or "")


def test_services_that_do_not_answer_are_told(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, database_url="postgresql://127.0.0.1:9/base", broker_url="redis://127.0.0.1:9/0", port=0
    )
    found = {finding.name: finding for finding in examine(settings)}
    assert (found["database"].level, found["broker"].level, found["clock"].level) == ("fail", "fail", "fail")
    assert "STILLHOUSE_BROKER_URL" in (found["broker"].advice or "")


def test_an_artifact_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    settings = Settings(home=tmp_path / "home", artifact_root=str(blocker / "artifacts"), port=0)
    finding = find(settings, "artifacts")
    assert (finding.level, "STILLHOUSE_ARTIFACT_ROOT" in (finding.advice or "")) == ("fail", True)


def test_a_port_that_somebody_has_is_told(local_settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = local_settings.model_copy(update={"port": listener.getsockname()[1]})
        finding = find(settings, "port")
    assert (finding.level, "STILLHOUSE_PORT" in (finding.advice or "")) == ("warn", True)


def test_an_engine_that_cannot_be_imported_is_told(local_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_TORCH", "import no_such_thing")
    finding = find(local_settings, "torch")
    assert (finding.level, "No module named 'no_such_thing'" in finding.message) == ("warn", True)


def test_unworkable_settings_are_told(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, broker_url="redis://broker.invalid/0", port=0)
    finding = find(settings, "settings")
    assert (finding.level, "STILLHOUSE_DATABASE_URL" in finding.message) == ("fail", True)


@pytest.mark.parametrize(("revision", "code"), [(None, 0), ("0001", 1)])
def test_the_command_fails_when_something_is_wrong(local_house: House, revision: str | None, code: int) -> None:
    if revision:
        with local_house.service.database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    environment = {"STILLHOUSE_HOME": str(local_house.service.settings.home_folder), "STILLHOUSE_PORT": "0"}
    done = CliRunner().invoke(app, ["doctor", "--json"], env=environment)
    assert done.exit_code == code, done.output
    levels = {finding["name"]: finding["level"] for finding in json.loads(done.stdout)}
    assert levels["database"] == ("fail" if code else "ok")


def test_the_commands_of_the_database_do_what_they_say(tmp_path: Path) -> None:
    home = tmp_path / "home"

    def call(*arguments: object) -> Result:
        command = ["db", *map(str, arguments)]
        return CliRunner().invoke(app, command, env={"STILLHOUSE_HOME": str(home)})

    assert (call("check").exit_code, call("revision").stdout) == (1, "none\n")
    assert call("upgrade").exit_code == 0
    assert (call("check").exit_code, call("revision").stdout) == (0, f"{read_head()}\n")
    assert call("backup", tmp_path / "backup.db").exit_code == 0
    assert call("restore", tmp_path / "backup.db").exit_code == 1
    home.rename(tmp_path / "elsewhere")
    assert call("restore", tmp_path / "backup.db").exit_code == 0
    assert call("check").exit_code == 0
