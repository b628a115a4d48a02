from __future__ import annotations

import pytest

from server.settings import Settings


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
