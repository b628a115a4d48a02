from __future__ import annotations

import hashlib
import json
import socket
import struct
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from server.jobs.database import change_rows, now
from server.jobs.tables import Upload
from server.jobs.uploads import IDLE_S, expire_uploads, find_open
from server.routes.examples import SPEC
from tests.server.house import House

_HEADER = json.dumps({"a": {"dtype": "U8", "shape": [3_000_000], "data_offsets": [0, 3_000_000]}}).encode()
DATA = struct.pack("<Q", len(_HEADER)) + _HEADER + bytes(range(250)) * 12_000
SHA256 = hashlib.sha256(DATA).hexdigest()
BYTES = {"content-type": "application/octet-stream"}


def announce(house: House, **changes: Any) -> dict[str, Any]:
    body = {"kind": "weights", "name": "teacher.safetensors", "size": len(DATA)} | changes
    answer = house.client.post("/v1/uploads", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/uploads/{answer.json()['id']}"
    upload: dict[str, Any] = answer.json()
    return upload


def send(house: House, upload: dict[str, Any], offset: int, data: Any) -> Any:
    headers = BYTES | {"upload-offset": str(offset)}
    return house.client.patch(f"/v1/uploads/{upload['id']}", content=data, headers=headers)


def spooled(house: House) -> list[int]:
    folder = house.service.spool.path("x").parent
    return [path.stat().st_size for path in folder.iterdir()] if folder.is_dir() else []


def test_a_file_sent_in_pieces_becomes_a_blob_of_the_store(house: House) -> None:
    upload = announce(house, sha256=SHA256)
    first = send(house, upload, 0, DATA[:2_000_000])
    assert (first.status_code, first.headers["upload-offset"], first.json()["state"]) == (200, "2000000", "open")
    told = house.client.head(f"/v1/uploads/{upload['id']}")
    assert (told.headers["upload-offset"], told.headers["upload-length"]) == ("2000000", str(len(DATA)))
    last = send(house, upload, 2_000_000, DATA[2_000_000:]).json()
    assert (last["state"], last["sha256"], last["offset"]) == ("complete", SHA256, len(DATA))
    assert house.service.artifacts.read(SHA256) == DATA
    assert house.client.get(f"/v1/uploads/{upload['id']}").json() == last
    assert house.client.get("/v1/uploads").json()["data"] == [last]
    assert spooled(house) == []


def test_bytes_go_on_only_where_the_upload_stands(house: House) -> None:
    upload = announce(house)
    send(house, upload, 0, DATA[:100])
    for offset in (0, 99, 101):
        refused = send(house, upload, offset, b"x")
        assert (refused.status_code, refused.json()["code"]) == (409, "upload_offset")
        assert (refused.json()["offset"], refused.headers["upload-offset"]) == (100, "100")
    assert send(house, upload, 100, DATA[100:]).json()["state"] == "complete"
    assert send(house, upload, len(DATA), b"").status_code == 409


@pytest.mark.parametrize("is_announced", [True, False])
def test_no_more_bytes_are_taken_than_were_announced(house: House, is_announced: bool) -> None:
    upload = announce(house, size=1000)
    data = bytes(1001) if is_announced else iter([bytes(500), bytes(501)])
    refused = send(house, upload, 0, data)
    assert (refused.status_code, refused.json()["code"]) == (413, "content_too_large")
    assert house.client.get(f"/v1/uploads/{upload['id']}").json()["offset"] == 0


def test_a_file_larger_than_allowed_is_refused_when_it_is_announced(house: House) -> None:
    body = {"kind": "weights", "name": "x", "size": house.service.settings.max_upload_bytes + 1}
    answer = house.client.post("/v1/uploads", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/size")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"size": 0}, "/size"),
        ({"size": 2**63}, "/size"),
        ({"name": "../x"}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"kind": "pickle"}, "/kind"),
        ({"sha256": "ab"}, "/sha256"),
        ({"path": "/etc/passwd"}, "/path"),
    ],
)
def test_an_announcement_that_cannot_be_is_refused_at_the_place(
    local_house: House, changes: dict[str, Any], pointer: str
) -> None:
    body = {"kind": "weights", "name": "x", "size": 1} | changes
    answer = local_house.client.post("/v1/uploads", json=body)
    assert answer.status_code == 422
    assert [entry["pointer"] for entry in answer.json()["errors"]] == [pointer]


def test_other_bodies_keep_their_bound(local_house: House) -> None:
    answer = local_house.client.post("/v1/uploads", content=bytes(300_000), headers=BYTES)
    assert answer.status_code == 413


def test_bytes_are_sent_as_bytes(local_house: House) -> None:
    upload = announce(local_house)
    address = f"/v1/uploads/{upload['id']}"
    answer = local_house.client.patch(address, json={}, headers={"upload-offset": "0"})
    assert (answer.status_code, answer.headers["accept-patch"]) == (415, BYTES["content-type"])
    missing = local_house.client.patch(address, content=b"x", headers=BYTES)
    assert missing.status_code == 422


def test_a_file_with_another_hash_than_announced_is_thrown_away(house: House) -> None:
    upload = announce(house, sha256="0" * 64)
    refused = send(house, upload, 0, DATA)
    assert (refused.status_code, refused.json()["code"]) == (422, "upload_invalid")
    assert SHA256 in refused.json()["detail"]
    assert house.client.get(f"/v1/uploads/{upload['id']}").status_code == 404
    assert not house.service.artifacts.exists(SHA256)
    assert spooled(house) == []


def test_a_pickle_is_no_upload_of_weights(local_house: House) -> None:
    upload = announce(local_house, size=20)
    refused = send(local_house, upload, 0, b"\x80\x04\x95" + bytes(17))
    assert (refused.status_code, refused.json()["code"]) == (422, "upload_invalid")
    assert "no pickles" in refused.json()["detail"]


def test_what_a_cut_connection_brought_counts(served_house: House) -> None:
    upload = announce(served_house)
    url = served_house.client.base_url
    with socket.create_connection((str(url.host), url.port or 0)) as connection:
        head = (
            f"PATCH /v1/uploads/{upload['id']} HTTP/1.1\r\nhost: {url.host}:{url.port}\r\nupload-offset: 0\r\n"
            f"content-type: application/octet-stream\r\ncontent-length: {len(DATA)}\r\n\r\n"
        )
        connection.sendall(head.encode() + DATA[:1_500_000])
    while True:
        offset = served_house.client.get(f"/v1/uploads/{upload['id']}").json()["offset"]
        answer = send(served_house, upload, offset, DATA[offset:])
        if answer.status_code == 200:
            break
        assert answer.status_code == 409  # the cut request is still being counted
    assert offset <= 1_500_000
    assert (answer.json()["state"], answer.json()["sha256"]) == ("complete", SHA256)


def test_bytes_that_the_spool_lost_are_asked_for_again(local_house: House) -> None:
    upload = announce(local_house)
    send(local_house, upload, 0, DATA[:1000])
    local_house.service.spool.path(upload["id"]).unlink()
    refused = send(local_house, upload, 1000, DATA[1000:])
    assert (refused.status_code, refused.json()["offset"]) == (409, 0)
    assert send(local_house, upload, 0, DATA).json()["sha256"] == SHA256


def test_a_second_writer_is_told_that_there_is_a_first(local_house: House) -> None:
    upload = announce(local_house)

    def pieces() -> Iterator[bytes]:
        yield DATA[:1_500_000]

    file = local_house.service.spool._open(upload["id"], 0)
    try:
        refused = send(local_house, upload, 0, pieces())
        assert (refused.status_code, "another request" in refused.json()["detail"]) == (409, True)
    finally:
        file.close()
    assert send(local_house, upload, 0, pieces()).json()["offset"] == 1_500_000


def test_a_removed_upload_is_gone(house: House) -> None:
    upload = announce(house)
    send(house, upload, 0, DATA[:100])
    assert house.client.delete(f"/v1/uploads/{upload['id']}").status_code == 204
    assert house.client.get(f"/v1/uploads/{upload['id']}").status_code == 404
    assert send(house, upload, 100, DATA[100:]).status_code == 404
    assert spooled(house) == []


def test_uploads_that_nobody_goes_on_with_are_given_up(house: House) -> None:
    idle, fresh = announce(house), announce(house)
    send(house, idle, 0, DATA[:100])
    with house.ground.database.write() as session:
        long_ago = now(session) - timedelta(seconds=IDLE_S + 1)
        change_rows(session, update(Upload).where(Upload.id == idle["id"]).values(updated_at=long_ago))
    with house.ground.database.write() as session:
        assert expire_uploads(session) == 1
        kept = find_open(session)
    assert kept == {fresh["id"]}
    assert (house.service.spool.sweep(kept), spooled(house)) == (1, [])
    assert house.client.get(f"/v1/uploads/{idle['id']}").status_code == 404


def spec_with(upload_id: str) -> dict[str, Any]:
    models = {**SPEC["models"], "student": {**SPEC["models"]["student"], "weights": {"upload": upload_id}}}
    return {**SPEC, "models": models}


def test_a_spec_may_take_its_weights_from_a_whole_upload_alone(house: House) -> None:
    upload = announce(house)
    send(house, upload, 0, DATA[:100])
    refused = house.client.post("/v1/jobs", json={"spec": spec_with(upload["id"])})
    [problem] = refused.json()["errors"]
    assert (refused.status_code, problem["pointer"]) == (422, "/models/student/weights/upload")
    send(house, upload, 100, DATA[100:])
    assert house.client.post("/v1/jobs", json={"spec": spec_with(upload["id"])}).status_code == 201
