"""The two sets of stores that everything runs on, as the environment of server and worker.

`stores` are empty. `ready_stores` have the newest schema: a copy of a database that was migrated once a session, since
migrating one takes longer than most tests.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.jobs.database import Database
from server.migrate import upgrade
from server.settings import Settings
from tests.services.postgres import PostgresServer

STORE_SETS = ["sqlite+filesystem", "postgres+redis"]


@pytest.fixture(params=STORE_SETS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings of an empty set of stores: database, broker, artifacts, home."""
    if request.param == "sqlite+filesystem":
        return _on_sqlite(tmp_path)
    return _on_postgres(tmp_path, request.getfixturevalue("postgres_database"), request.getfixturevalue("redis_broker"))


@pytest.fixture(params=STORE_SETS)
def ready_stores(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings of a set of stores without a job."""
    if request.param == "sqlite+filesystem":
        environment = _on_sqlite(tmp_path)
        shutil.copy(request.getfixturevalue("migrated_file"), Path(environment["STILLHOUSE_HOME"]) / "stillhouse.db")
        return environment
    address = request.getfixturevalue("migrated_postgres_database")
    return _on_postgres(tmp_path, address, request.getfixturevalue("redis_broker"))


@pytest.fixture
def ready_home(tmp_path: Path, migrated_file: Path) -> Path:
    """A home on SQLite without a job."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copy(migrated_file, home / "stillhouse.db")
    return home


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with the newest schema."""
    home = tmp_path_factory.mktemp("migrated")
    _migrate(Settings(home=home))
    return home / "stillhouse.db"


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database of PostgreSQL with the newest schema, and with nobody connected."""
    name = f"migrated_{os.getpid()}"
    postgres.execute(f'CREATE DATABASE "{name}"')
    home = tmp_path_factory.mktemp("migrated_postgres")
    _migrate(Settings(home=home, database_url=postgres.address(name)))
    return name


@pytest.fixture
def migrated_postgres_database(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """The address of a database of PostgreSQL with the newest schema."""
    with postgres.new_database(migrated_template) as address:
        yield address


def _migrate(settings: Settings) -> None:
    database = Database(settings)
    upgrade(database, settings)
    database.dispose()


def _on_sqlite(folder: Path) -> dict[str, str]:
    environment = _on_disk(folder)
    address = f"sqlite:///{Path(environment['STILLHOUSE_HOME']) / 'stillhouse.db'}"
    return environment | {"STILLHOUSE_DATABASE_URL": address, "STILLHOUSE_BROKER_URL": "filesystem://"}


def _on_postgres(folder: Path, database: str, broker: str) -> dict[str, str]:
    return _on_disk(folder) | {"STILLHOUSE_DATABASE_URL": database, "STILLHOUSE_BROKER_URL": broker}


def _on_disk(folder: Path) -> dict[str, str]:
    home = folder / "home"
    home.mkdir(mode=0o700)
    return {"STILLHOUSE_HOME": str(home), "STILLHOUSE_ARTIFACT_ROOT": str(folder / "artifacts")}
