"""Uploads by the client: in pieces, resumed, sent once."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

import httpx
import pytest

from stillhouse.client import Client, InvalidRequestError, NotFoundError
from stillhouse.client import upload as uploading
from tests.stillhouse.serving import ServerProcess, tiny_spec


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A file of weights in three pieces, other in each test."""
    monkeypatch.setattr(uploading, "PIECE_BYTES", 100_000)
    name = request.node.name
    header = json.dumps({name: {"dtype": "U8", "shape": [250_000], "data_offsets": [0, 250_000]}}).encode()
    path = tmp_path / "teacher.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(250_000))
    return path


def test_a_file_arrives_whole_and_is_told_piece_by_piece(client: Client, weights: Path) -> None:
    told: list[tuple[int, int]] = []
    upload = client.upload(weights, report=lambda here, total: told.append((here, total)))
    size = weights.stat().st_size
    assert (upload.state, upload.size, upload.name) == ("complete", size, "teacher.safetensors")
    assert upload.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert told == [(100_000, size), (200_000, size), (size, size)]


def test_a_file_that_is_there_is_not_sent_again(client: Client, weights: Path) -> None:
    told: list[int] = []
    first = client.upload(weights)
    assert client.upload(weights, report=lambda here, _: told.append(here)) == first
    assert told == []


def test_an_upload_that_was_cut_goes_on_where_it_stands(client: Client, server: ServerProcess, weights: Path) -> None:
    data = weights.read_bytes()
    body = {"kind": "weights", "name": "x", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    signed = {"authorization": f"Bearer {server.key}"}
    started = httpx.post(f"{server.url}/v1/uploads", json=body, headers=signed).json()["id"]
    headers = signed | {"upload-offset": "0", "content-type": "application/octet-stream"}
    httpx.patch(f"{server.url}/v1/uploads/{started}", content=data[:150_000], headers=headers).raise_for_status()
    told: list[int] = []
    upload = client.upload(weights, report=lambda here, _: told.append(here))
    assert (upload.id, upload.state, told) == (started, "complete", [250_000, len(data)])


def test_an_uploaded_spec_is_submitted(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(tiny_spec(seed=11)))
    upload = client.upload(path, "spec")
    assert (upload.kind, upload.state) == ("spec", "complete")
    assert client.try_out(upload)["cost"]["steps"] == 14
    job = client.job(client.submit(upload, name="from there").id)
    assert (job.name, job.spec) == ("from there", tiny_spec(seed=11))
    path.write_text(json.dumps(tiny_spec() | {"version": 99}))
    with pytest.raises(InvalidRequestError) as refusal:
        client.upload(path, "spec")
    assert "/version" in [problem.pointer for problem in refusal.value.problems]


def test_an_uploaded_data_set_is_listed_and_removed(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "birds.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train/owl/1.png", b"no picture, but a file")
    upload = client.upload(path, "dataset")
    assert client.find_upload(upload.id) == upload
    assert upload.id in [each.id for each in client.uploads()]
    client.remove_upload(upload.id)
    with pytest.raises(NotFoundError):
        client.find_upload(upload.id)


def test_a_file_that_the_server_does_not_take_is_an_error(client: Client, tmp_path: Path) -> None:
    pickle = tmp_path / "weights.pt"
    pickle.write_bytes(b"\x80\x02 a pickle of somebody")
    with pytest.raises(InvalidRequestError, match="no pickles"):
        client.upload(pickle)
