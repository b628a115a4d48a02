from __future__ import annotations

import base64
import hashlib

import pytest

from tests.server.house import House

DATA = bytes(range(256)) * 5000


@pytest.fixture
def artifact(local_house: House) -> dict[str, object]:
    return local_house.make_artifact(DATA)


def test_a_download_carries_its_digest_and_cannot_be_shown_as_a_page(house: House) -> None:
    artifact = house.make_artifact(DATA)
    answer = house.client.get(artifact["content_url"])
    digest = hashlib.sha256(DATA)
    assert answer.content == DATA
    assert answer.headers["etag"] == f'"sha256-{digest.hexdigest()}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert answer.headers["content-length"] == str(len(DATA)) == str(artifact["size"])
    assert answer.headers["content-disposition"] == 'attachment; filename="student.safetensors"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("README.md", "text/markdown"),
        ("curves.svg", "image/svg+xml"),
        ("curves.png", "image/png"),
        ("student.onnx", "application/octet-stream"),
        ("student.pt2", "application/octet-stream"),
        ("page.html", "application/octet-stream"),
        ("svg", "application/octet-stream"),
    ],
)
def test_pictures_and_cards_say_what_they_are_and_nothing_can_run(
    local_house: House, name: str, media_type: str
) -> None:
    artifact = local_house.make_artifact(DATA, name)
    for method in ("GET", "HEAD"):
        headers = local_house.client.request(method, artifact["content_url"]).headers
        assert headers["content-type"].partition(";")[0] == media_type
        assert headers["content-disposition"] == f'attachment; filename="{name}"'
        assert headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        assert headers["x-content-type-options"] == "nosniff"


def test_head_tells_what_get_would(local_house: House, artifact: dict[str, str]) -> None:
    head = local_house.client.head(artifact["content_url"])
    get = local_house.client.get(artifact["content_url"])
    names = ("etag", "repr-digest", "content-length", "accept-ranges", "content-disposition", "content-type")
    assert head.status_code == 200
    assert head.content == b""
    assert [head.headers[name] for name in names] == [get.headers[name] for name in names]


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1279990-", 1279990, 1280000),
        ("bytes=-5", 1279995, 1280000),
        ("bytes=0-99999999", 0, 1280000),
        ("bytes=-99999999", 0, 1280000),
    ],
)
def test_a_range_is_answered_by_its_bytes(
    local_house: House, artifact: dict[str, str], wanted: str, start: int, stop: int
) -> None:
    answer = local_house.client.get(artifact["content_url"], headers={"range": wanted})
    assert answer.status_code == 206
    assert answer.content == DATA[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("wanted", ["bytes=1280000-", "bytes=-0"])
def test_a_range_outside_the_content_is_refused_with_its_size(
    local_house: House, artifact: dict[str, str], wanted: str
) -> None:
    answer = local_house.client.get(artifact["content_url"], headers={"range": wanted})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=0-1,4-5", "items=0-1", "bytes=a-b", "bytes=-"])
def test_what_is_no_single_range_is_answered_by_the_whole(
    local_house: House, artifact: dict[str, str], wanted: str
) -> None:
    answer = local_house.client.get(artifact["content_url"], headers={"range": wanted})
    assert (answer.status_code, len(answer.content)) == (200, len(DATA))


def test_if_range_gives_the_part_of_the_same_content_only(local_house: House, artifact: dict[str, str]) -> None:
    etag = f'"sha256-{artifact["sha256"]}"'

    def status(if_range: str) -> int:
        headers = {"range": "bytes=0-9", "if-range": if_range}
        return local_house.client.get(artifact["content_url"], headers=headers).status_code

    assert status(etag) == 206
    assert status('"sha256-other"') == 200
    assert status("Wed, 21 Oct 2026 07:28:00 GMT") == 200


@pytest.mark.parametrize("known", ["{etag}", "*", '"other", {etag}', "W/{etag}"])
def test_content_that_the_client_has_is_not_sent_again(
    local_house: House, artifact: dict[str, str], known: str
) -> None:
    etag = f'"sha256-{artifact["sha256"]}"'
    for method in ("GET", "HEAD"):
        headers = {"if-none-match": known.format(etag=etag)}
        answer = local_house.client.request(method, artifact["content_url"], headers=headers)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


def test_an_empty_artifact_can_be_downloaded(local_house: House) -> None:
    artifact = local_house.make_artifact(b"")
    answer = local_house.client.get(artifact["content_url"])
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


def test_a_file_name_cannot_leave_its_header(local_house: House) -> None:
    artifact = local_house.make_artifact(name='a"; x="/../é\r\nSet-Cookie: a=b')
    header = local_house.client.get(artifact["content_url"]).headers["content-disposition"]
    assert header.startswith('attachment; filename="a__ x___..____Set-Cookie_ a_b"; filename*=')
    assert header.endswith("%C3%A9%0D%0ASet-Cookie%3A%20a%3Db")


def test_content_that_is_gone_from_the_store_is_a_problem(local_house: House, artifact: dict[str, str]) -> None:
    local_house.service.artifacts.delete(artifact["sha256"])
    answer = local_house.client.get(artifact["content_url"])
    assert (answer.status_code, answer.json()["code"]) == (410, "artifact_missing")


@pytest.mark.parametrize("name", ["art_none", "..%2f..%2fetc%2fpasswd", "%2e%2e", "art_%F0%9F%92%A9"])
def test_an_artifact_that_does_not_exist_is_a_problem(local_house: House, name: str) -> None:
    for path in (f"/v1/artifacts/{name}", f"/v1/artifacts/{name}/content"):
        answer = local_house.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
