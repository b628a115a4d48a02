"""The two sets of stores that everything runs on, as the environment of server and worker."""

from __future__ import annotations

from pathlib import Path

import pytest

STORE_SETS = ["sqlite+filesystem", "postgres+redis"]


@pytest.fixture(params=STORE_SETS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings of an empty set of stores: database, broker, artifacts, home."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environment = {"STILLHOUSE_HOME": str(home), "STILLHOUSE_ARTIFACT_ROOT": str(tmp_path / "artifacts")}
    if request.param == "sqlite+filesystem":
        environment["STILLHOUSE_DATABASE_URL"] = f"sqlite:///{home / 'stillhouse.db'}"
        environment["STILLHOUSE_BROKER_URL"] = "filesystem://"
    else:
        environment["STILLHOUSE_DATABASE_URL"] = request.getfixturevalue("postgres_database")
        environment["STILLHOUSE_BROKER_URL"] = request.getfixturevalue("redis_broker")
    return environment
