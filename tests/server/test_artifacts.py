from __future__ import annotations

import asyncio
import hashlib
import os
import time
from datetime import timedelta
from pathlib import Path

import obstore
import pytest

from server.artifacts import ArtifactCorruptError, ArtifactMissingError, ArtifactStore
from tests.server.jobs.ground import make_settings

DATA = os.urandom(3_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def store(tmp_path: Path, folder: Path) -> ArtifactStore:
    return ArtifactStore(make_settings({"STILLHOUSE_HOME": str(tmp_path), "STILLHOUSE_ARTIFACT_ROOT": str(folder)}))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


def stored_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_stored_under_its_hash_and_fetched_back(store: ArtifactStore, source: Path, tmp_path: Path) -> None:
    blob = store.put_file(source)
    assert (blob.sha256, blob.size) == (SHA256, len(DATA))
    assert store.exists(SHA256)
    target = tmp_path / "target"
    store.fetch(SHA256, target)
    assert target.read_bytes() == DATA == store.read(SHA256)


def test_storing_again_changes_nothing(store: ArtifactStore, source: Path, folder: Path) -> None:
    assert store.put_file(source) == store.put_file(source)
    assert [path.name for path in stored_files(folder)] == [SHA256]


def test_what_is_stored_is_for_the_owner_alone(store: ArtifactStore, source: Path, folder: Path) -> None:
    store.put_file(source)
    assert {path.stat().st_mode & 0o077 for path in stored_files(folder)} == {0}


def test_damaged_bytes_never_reach_the_target(store: ArtifactStore, source: Path, folder: Path, tmp_path: Path) -> None:
    store.put_file(source)
    [file] = stored_files(folder)
    file.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    target = tmp_path / "fetched" / "target"
    target.parent.mkdir()
    target.write_bytes(b"what was there before")
    with pytest.raises(ArtifactCorruptError, match=SHA256):
        store.fetch(SHA256, target)
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"what was there before"]


def test_missing_bytes_are_said_to_be_missing(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissingError):
        store.fetch(SHA256, tmp_path / "target")
    with pytest.raises(ArtifactMissingError):
        store.read(SHA256)
    with pytest.raises(ArtifactMissingError):
        asyncio.run(store.open_range(SHA256, 0, 1))
    assert not store.exists(SHA256)
    assert not (tmp_path / "target").exists()


def test_a_range_is_read_in_pieces(store: ArtifactStore, source: Path) -> None:
    store.put_file(source)

    async def read(start: int, stop: int) -> list[bytes]:
        return [piece async for piece in await store.open_range(SHA256, start, stop)]

    pieces = asyncio.run(read(5, 2_999_999))
    assert len(pieces) > 1
    assert b"".join(pieces) == DATA[5:2_999_999]
    assert b"".join(asyncio.run(read(2_999_999, 3_000_000))) == DATA[-1:]


def test_deleting_twice_is_the_same_as_once(store: ArtifactStore, source: Path, folder: Path) -> None:
    store.put_file(source)
    store.delete(SHA256)
    store.delete(SHA256)
    assert stored_files(folder) == []


def test_a_file_that_cannot_be_read_leaves_nothing_behind(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        store.put_file(tmp_path)
    assert stored_files(folder) == []


def test_only_old_leftovers_of_interrupted_writes_are_swept(store: ArtifactStore, source: Path, folder: Path) -> None:
    store.put_file(source)
    fresh, old = folder / "incoming" / "fresh", folder / "incoming" / "old"
    fresh.touch()
    old.touch()
    os.utime(old, (time.time() - 100_000,) * 2)
    assert store.sweep() == 1
    assert sorted(path.name for path in stored_files(folder)) == sorted([SHA256, "fresh"])


@pytest.fixture
def bucket(tmp_path: Path, s3_bucket: str) -> ArtifactStore:
    """A store in a bucket of a real S3 server."""
    return ArtifactStore(make_settings({"STILLHOUSE_HOME": str(tmp_path), "STILLHOUSE_ARTIFACT_ROOT": s3_bucket}))


def test_a_bucket_keeps_what_a_folder_keeps(bucket: ArtifactStore, source: Path, tmp_path: Path) -> None:
    assert bucket.put_file(source) == bucket.put_file(source)
    assert bucket.exists(SHA256)
    bucket.fetch(SHA256, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == DATA == bucket.read(SHA256)

    async def read(start: int, stop: int) -> bytes:
        return b"".join([piece async for piece in await bucket.open_range(SHA256, start, stop)])

    assert asyncio.run(read(5, 2_999_999)) == DATA[5:2_999_999]
    assert bucket.sweep() == 0
    bucket.delete(SHA256)
    bucket.delete(SHA256)
    assert not bucket.exists(SHA256)
    with pytest.raises(ArtifactMissingError):
        bucket.read(SHA256)
    with pytest.raises(ArtifactMissingError):
        asyncio.run(bucket.open_range(SHA256, 0, 1))


def test_a_bucket_tells_what_lies_in_it_and_since_when(bucket: ArtifactStore, source: Path) -> None:
    before = time.time()
    bucket.put_file(source)
    shard = int(SHA256[:2], 16)
    [(name, modified_at)] = bucket.list_shard(shard)
    assert (name, modified_at) == (SHA256, bucket.modified_at(SHA256))
    assert before - 2 <= modified_at.timestamp() <= time.time() + 2
    assert list(bucket.list_shard((shard + 1) % 256)) == []
    assert bucket.modified_at("0" * 64) is None


@pytest.mark.parametrize(("fresh_s", "kept"), [(0, DATA), (3600, b"what lay there")])
def test_only_bytes_that_a_bucket_has_had_for_long_are_put_again(
    bucket: ArtifactStore, source: Path, fresh_s: float, kept: bytes
) -> None:
    bucket.put_file(source)
    obstore.put(bucket._store, f"sha256/{SHA256[:2]}/{SHA256}", b"what lay there")
    bucket._fresh = timedelta(seconds=fresh_s)
    bucket.put_file(source)
    assert bucket.read(SHA256) == kept
