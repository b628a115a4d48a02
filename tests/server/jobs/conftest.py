from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.jobs.database import Database
from server.jobs.doorbell import Doorbell
from tests.server.jobs.ground import QUICK, Ground, make_settings


@pytest.fixture
def ground(ready_stores: dict[str, str]) -> Iterator[Ground]:
    """No job yet, on each set of stores."""
    environment = ready_stores | QUICK
    settings = make_settings(environment)
    database = Database(settings)
    ground = Ground(environment, settings, database, Doorbell(settings))
    yield ground
    ground.doorbell.close()
    database.dispose()
