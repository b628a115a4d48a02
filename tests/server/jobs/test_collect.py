from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from server.artifacts import ArtifactStore
from server.jobs.attempts import Ending
from server.jobs.collect import mark_unused, sweep_unknown, sweep_unused
from server.jobs.database import change_rows, now
from server.jobs.finish import Outcome, StoredArtifact, finish
from server.jobs.purge import purge_deleted
from server.jobs.record import add_blob
from server.jobs.states import State
from server.jobs.tables import Blob, Job
from server.jobs.uploads import add_upload, complete_upload, remove_upload
from tests.server.jobs.ground import Ground

GRACE_S = 3600.0
DATA = b"weights that several jobs have"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(ground: Ground) -> ArtifactStore:
    return ArtifactStore(ground.settings)


def put(ground: Ground, store: ArtifactStore, data: bytes = DATA) -> str:
    path = ground.settings.home_folder / "source"
    path.write_bytes(data)
    return store.put_file(path).sha256


def age(store: ArtifactStore, ground: Ground, hours: float = 3) -> None:
    """Make bytes and marks look that much older."""
    then = datetime.now(UTC) - timedelta(hours=hours)
    for path in Path(ground.settings.artifact_address).rglob("sha256/*/*"):
        os.utime(path, (then.timestamp(),) * 2)
    with ground.database.write() as session:
        change_rows(session, update(Blob).where(Blob.unused_since.is_not(None)).values(unused_since=then))


def make_job(ground: Ground, store: ArtifactStore) -> str:
    """Return a job that has succeeded with the bytes as its student."""
    claim = ground.start_job()
    student = StoredArtifact("student", "student.safetensors", put(ground, store), len(DATA))
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.SUCCEEDED, Ending(exit_code=0)), artifacts=[student])
    return claim.job_id


def remove(ground: Ground, job_id: str) -> None:
    """Delete a job so long ago that it goes for good."""
    with ground.database.write() as session:
        then = now(session) - timedelta(days=8)
        change_rows(session, update(Job).where(Job.id == job_id).values(deleted_at=then))
    assert purge_deleted(ground.database, 7, 10) == 1


def mark(ground: Ground) -> int:
    with ground.database.write() as session:
        return mark_unused(session)


def sweep(ground: Ground, store: ArtifactStore) -> int:
    return sweep_unused(ground.database, store, GRACE_S, 10)


def digests(ground: Ground) -> list[str]:
    with ground.database.read() as session:
        return list(session.scalars(select(Blob.sha256)))


def test_bytes_that_a_deleted_job_shares_with_another_stay(ground: Ground, store: ArtifactStore) -> None:
    gone, kept = make_job(ground, store), make_job(ground, store)
    remove(ground, gone)
    assert mark(ground) == 0
    age(store, ground)
    assert sweep(ground, store) == 0
    assert store.read(SHA256) == DATA
    remove(ground, kept)
    assert mark(ground) == 1
    age(store, ground)
    assert sweep(ground, store) == 1
    assert (store.exists(SHA256), digests(ground)) == (False, [])


def test_unused_bytes_stay_for_a_grace(ground: Ground, store: ArtifactStore) -> None:
    remove(ground, make_job(ground, store))
    age(store, ground)
    assert (mark(ground), mark(ground)) == (1, 0)
    assert sweep(ground, store) == 0
    assert store.exists(SHA256)


def test_bytes_that_are_used_again_before_the_sweep_stay(ground: Ground, store: ArtifactStore) -> None:
    remove(ground, make_job(ground, store))
    mark(ground)
    age(store, ground)
    make_job(ground, store)
    assert sweep(ground, store) == 0
    assert (mark(ground), store.read(SHA256)) == (0, DATA)


def test_naming_a_blob_takes_its_mark_away_in_the_same_transaction(ground: Ground, store: ArtifactStore) -> None:
    remove(ground, make_job(ground, store))
    mark(ground)
    with ground.database.write() as session:
        add_blob(session, SHA256, len(DATA))
        assert session.scalars(select(Blob.unused_since)).one() is None


def test_bytes_that_were_put_again_and_have_no_row_yet_survive_the_sweep(ground: Ground, store: ArtifactStore) -> None:
    remove(ground, make_job(ground, store))
    mark(ground)
    age(store, ground)
    put(ground, store)
    assert sweep(ground, store) == 0
    with ground.database.write() as session:
        add_blob(session, SHA256, len(DATA))
    assert store.read(SHA256) == DATA


def test_a_sweep_that_died_between_bytes_and_row_is_finished_by_the_next(ground: Ground, store: ArtifactStore) -> None:
    remove(ground, make_job(ground, store))
    mark(ground)
    age(store, ground)
    store.delete(SHA256)
    assert sweep(ground, store) == 1
    assert digests(ground) == []


def test_a_blob_that_an_upload_names_stays_until_the_upload_is_removed(ground: Ground, store: ArtifactStore) -> None:
    put(ground, store)
    with ground.database.write() as session:
        upload = add_upload(
            session, project="default", kind="weights", name="x", size=len(DATA), sha256=None, created_by="somebody"
        )
        complete_upload(session, upload.id, SHA256, len(DATA))
    assert mark(ground) == 0
    with ground.database.write() as session:
        remove_upload(session, upload.id)
    assert mark(ground) == 1


def test_bytes_without_a_row_go_when_they_are_old(ground: Ground, store: ArtifactStore) -> None:
    shard = int(SHA256[:2], 16)
    put(ground, store)
    assert sweep_unknown(ground.database, store, GRACE_S, shard) == 0
    age(store, ground)
    assert sweep_unknown(ground.database, store, GRACE_S, (shard + 1) % 256) == 0
    assert sweep_unknown(ground.database, store, GRACE_S, shard) == 1
    assert not store.exists(SHA256)


def test_bytes_with_a_row_are_no_unknown_ones(ground: Ground, store: ArtifactStore) -> None:
    make_job(ground, store)
    age(store, ground)
    assert sweep_unknown(ground.database, store, GRACE_S, int(SHA256[:2], 16)) == 0
    assert store.exists(SHA256)
