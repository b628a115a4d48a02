from __future__ import annotations

from pathlib import Path

import pytest

from server.mounts import find_filesystem
from server.settings import Settings, UnworkableSettingsError, check_settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"broker_url": "amqp://broker"}, "STILLHOUSE_BROKER_URL must be"),
        ({"database_url": "nonsense"}, "STILLHOUSE_DATABASE_URL is no address"),
        ({"database_url": "mysql://somewhere/base"}, "STILLHOUSE_DATABASE_URL must be"),
        ({"database_url": "postgresql://db.example/base"}, "set STILLHOUSE_BROKER_URL=redis"),
        ({"lease_ttl_s": 10, "heartbeat_s": 9}, "at least twice"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_what_to_set(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings.model_validate(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"database_url": "postgresql://127.0.0.1:5432/base"},
        {"database_url": "postgresql:///base?host=/run/postgresql"},
        {"database_url": "postgresql://db.example/base", "broker_url": "redis://broker.example/0"},
        {},
    ],
)
def test_settings_that_can_work_are_taken(settings: dict[str, object]) -> None:
    assert Settings.model_validate(settings).database_address.startswith(("sqlite:///", "postgresql+psycopg://"))


def test_sqlite_with_a_broker_on_another_host_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, broker_url="redis://broker.example/0")
    with pytest.raises(UnworkableSettingsError, match="STILLHOUSE_DATABASE_URL"):
        check_settings(settings)
    check_settings(settings.model_copy(update={"database_url": "postgresql://db.example/base"}))
    check_settings(settings.model_copy(update={"broker_url": "redis://localhost/0"}))


def test_sqlite_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.settings.find_filesystem", lambda _path: "nfs4")
    with pytest.raises(UnworkableSettingsError, match="nfs4, and SQLite works on local disks only"):
        check_settings(Settings(home=tmp_path))


@pytest.mark.parametrize(
    ("place", "kind"),
    [("/data/x/y.db", "ext4"), ("/data/team share/y", "nfs4"), ("/elsewhere", "overlay"), ("/datax", "overlay")],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(tmp_path: Path, place: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("overlay / overlay rw 0 0\n/dev/a /data ext4 rw 0 0\nhost:/x /data/team\\040share nfs4 rw 0 0\n")
    assert find_filesystem(Path(place), mounts) == kind
    assert find_filesystem(Path(place), tmp_path / "nothing") is None
