"""The application on each set of stores, with its schema from the migrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from server.app import create_app
from server.logs import configure_logging
from server.settings import Settings
from tests.server.house import House, open_house, open_served_house
from tests.server.jobs.ground import make_settings

configure_logging("console")


@pytest.fixture
def house(ready_stores: dict[str, str]) -> Iterator[House]:
    """The application and its jobs, on each set of stores."""
    with open_house(ready_stores) as opened:
        yield opened


@pytest.fixture
def served_house(ready_stores: dict[str, str]) -> Iterator[House]:
    """The application behind a real socket, on each set of stores: TestClient cannot leave a stream open."""
    with open_served_house(ready_stores) as opened:
        yield opened


@pytest.fixture
def local_house(ready_home: Path) -> Iterator[House]:
    """The application on SQLite, for what has nothing to do with the stores."""
    with open_house({"STILLHOUSE_HOME": str(ready_home)}) as opened:
        yield opened


@pytest.fixture
def local_settings(tmp_path: Path) -> Settings:
    """Settings of a home that does not exist yet."""
    return make_settings({"STILLHOUSE_HOME": str(tmp_path / "home")})


@pytest.fixture
def bare_client(local_settings: Settings) -> TestClient:
    """The application without its lifespan: no schema, nothing in the background."""
    return TestClient(create_app(local_settings), base_url="http://localhost")
