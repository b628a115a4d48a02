from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from server.jobs.tables import Table
from tests.server.jobs.ground import QUICK, Ground, make_settings


@pytest.fixture
def ground(stores: dict[str, str]) -> Iterator[Ground]:
    """Empty tables on each set of stores."""
    environment = stores | QUICK
    settings = make_settings(environment)
    database = Database(settings)
    Table.metadata.create_all(database.engine)
    ground = Ground(environment, settings, database, Doorbell(settings))
    yield ground
    ground.doorbell.close()
    database.dispose()
