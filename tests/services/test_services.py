"""The fixtures give what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import redis

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_two_databases_of_one_server_are_apart(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE kept (x integer)")
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row == (1,)


def test_a_database_starts_empty(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row == (0,)


def test_a_broker_starts_empty(redis_broker: str) -> None:
    with redis.Redis.from_url(redis_broker) as connection:
        assert connection.dbsize() == 0
        assert connection.set("kept", "x")


def test_stores_name_a_database_and_a_broker(stores: dict[str, str]) -> None:
    is_sqlite = stores["STILLHOUSE_DATABASE_URL"].startswith("sqlite:///")
    assert stores["STILLHOUSE_BROKER_URL"].startswith("filesystem://" if is_sqlite else "redis://127.0.0.1:")
    assert Path(stores["STILLHOUSE_HOME"]).is_dir()


def test_the_browser_renders_a_page(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<title>Still</title><p id=out></p><script>out.textContent = 6 * 7</script>")
    assert (page.title(), page.inner_text("#out")) == ("Still", "42")
    page.close()
