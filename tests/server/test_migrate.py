from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import MetaData, create_engine, inspect, text
from starlette.testclient import TestClient

from server import migrate
from server.app import create_app
from server.jobs.database import Database
from server.jobs.tables import Table
from server.settings import Settings
from tests.server.jobs.ground import make_settings


@pytest.fixture
def settings(stores: dict[str, str]) -> Settings:
    return make_settings(stores)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings)
    yield database
    database.dispose()


def describe(database: Database) -> dict[str, Any]:
    """Return tables, columns, keys and indexes as the database itself tells them."""
    inspector = inspect(database.engine)
    tables = sorted(set(inspector.get_table_names()) - {"alembic_version"})
    return {
        table: {
            "columns": {
                column["name"]: {**column, "type": str(column["type"])} for column in inspector.get_columns(table)
            },
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": sorted(inspector.get_foreign_keys(table), key=lambda key: str(key["name"])),
            "unique": sorted(inspector.get_unique_constraints(table), key=lambda key: str(key["name"])),
            "indexes": sorted(inspector.get_indexes(table), key=lambda index: str(index["name"])),
        }
        for table in tables
    }


def read_sql(database: Database) -> dict[str, str]:
    """Return the statements that SQLite keeps, spaces and the order of constraints apart."""
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"))
        return {name: "".join(sorted((sql or "").replace('"', "").replace(",", " ").split())) for name, sql in rows}


def drop_everything(database: Database) -> None:
    metadata = MetaData()
    metadata.reflect(database.engine)
    metadata.drop_all(database.engine)


def test_the_migrated_schema_is_the_one_of_the_tables(settings: Settings, database: Database) -> None:
    Table.metadata.create_all(database.engine)
    wanted, wanted_sql = describe(database), read_sql(database) if database.is_sqlite else {}
    drop_everything(database)
    migrate.upgrade(database, settings)
    assert describe(database) == wanted
    assert len(wanted) == len(Table.metadata.tables)
    assert (read_sql(database) if database.is_sqlite else {}) == wanted_sql


def test_no_change_of_the_tables_is_without_a_revision(settings: Settings, database: Database) -> None:
    migrate.upgrade(database, settings)
    with migrate.configure(database) as config:
        command.check(config)


def test_the_revisions_can_be_taken_back_and_made_again(settings: Settings, database: Database) -> None:
    migrate.upgrade(database, settings)
    there = describe(database)
    with migrate.configure(database) as config:
        command.downgrade(config, "base")
    assert describe(database) == {}
    migrate.upgrade(database, settings)
    assert describe(database) == there


def test_servers_that_start_together_migrate_once(settings: Settings, database: Database) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        mine = Database(settings)
        try:
            migrate.upgrade(mine, settings)
        except BaseException as error:  # noqa: BLE001  a thread's failure must reach the test
            failures.append(error)
        finally:
            mine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert migrate.read_revision(database) == migrate.read_head()


def test_a_server_refuses_a_schema_that_is_not_its_own(settings: Settings) -> None:
    with pytest.raises(migrate.SchemaError, match="STILLHOUSE_AUTO_MIGRATE"), TestClient(create_app(settings)):
        pass


def test_a_server_may_be_told_to_migrate(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"auto_migrate": True}))
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/readyz").json()["status"] == "ready"


def test_the_revisions_are_found_in_a_wheel_and_in_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checkout = migrate.find_scripts()
    package = tmp_path / "server"
    package.mkdir()
    monkeypatch.setattr(migrate, "__file__", str(package / "migrate.py"))
    with pytest.raises(migrate.SchemaError, match="incomplete"):
        migrate.find_scripts()
    shutil.copytree(checkout, tmp_path / "migrations")
    assert migrate.find_scripts() == tmp_path / "migrations"
    shutil.move(tmp_path / "migrations", package / "migrations")
    assert migrate.find_scripts() == package / "migrations"


def test_the_check_fails_when_a_table_has_no_revision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = make_settings({"STILLHOUSE_HOME": str(tmp_path)})
    database = Database(settings)
    migrate.upgrade(database, settings)
    database.dispose()
    with create_engine(f"sqlite:///{tmp_path / 'stillhouse.db'}").begin() as connection:
        connection.execute(text("CREATE TABLE extra (id INTEGER PRIMARY KEY)"))
    assert migrate.main(["check"], settings) == 1
    assert "extra" in capsys.readouterr().err
