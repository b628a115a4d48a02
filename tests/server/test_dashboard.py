from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from server.app import create_app
from server.dashboard import Dashboard
from server.settings import Settings


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>the page</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-abc123.js").write_text("run()")
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


@pytest.fixture
def client(built: Path, local_settings: Settings) -> TestClient:
    return TestClient(serving(built, local_settings), base_url="http://localhost")


def serving(folder: Path, settings: Settings) -> FastAPI:
    """Return the application with the dashboard of a folder."""
    app = create_app(settings)
    app.router.default = Dashboard(folder)
    return app


@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs/job_01", "/compare?ids=a", "/deep/er/page"])
def test_every_page_is_the_one_page_and_never_kept(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (200, "<title>the page</title>")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/html")


def test_files_with_a_hash_in_their_name_are_kept_for_ever(client: TestClient) -> None:
    answer = client.get("/assets/index-abc123.js")
    assert answer.text == "run()"
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/favicon.svg").headers["cache-control"] == "no-cache"


def test_a_page_that_did_not_change_is_not_sent_again(client: TestClient) -> None:
    etag = client.get("/").headers["etag"]
    assert client.get("/jobs/x", headers={"if-none-match": etag}).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/assets/index-old.js",
        "/robots.txt",
        "/v1/nothing",
        "/v1/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
    ],
)
def test_what_is_no_page_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/link", "/..%2fsecret", "/%2e%2e%2fsecret", "/assets/%2e%2e/%2e%2e/secret"])
def test_nothing_outside_the_folder_is_served(client: TestClient, path: str) -> None:
    assert "secret" not in client.get(path).text


def test_without_a_build_a_page_says_how_to_build(local_settings: Settings, tmp_path: Path) -> None:
    client = TestClient(serving(tmp_path / "nowhere", local_settings), base_url="http://localhost")
    answer = client.get("/jobs")
    assert "make install" in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    assert client.get("/assets/x.js").status_code == 404
