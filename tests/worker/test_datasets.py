from __future__ import annotations

import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.artifacts import ArtifactMissingError, ArtifactStore
from server.jobs.archives import ArchiveError
from tests.server.jobs.ground import make_settings
from worker.datasets import provide_dataset, sweep_datasets


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(make_settings({"STILLHOUSE_HOME": str(tmp_path / "home")}))


def pack(store: ArtifactStore, folder: Path, files: dict[str, bytes]) -> str:
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return store.put_file(path).sha256


def test_a_data_set_is_unpacked_once_however_many_ask_for_it(store: ArtifactStore, tmp_path: Path) -> None:
    sha256 = pack(
        store, tmp_path, {f"train/{label}/{number}.png": b"x" * 1000 for label in "ab" for number in range(50)}
    )
    root = tmp_path / "datasets"
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: provide_dataset(store, root, sha256), range(8)))
    assert folders == {root / sha256}
    assert len(list((root / sha256).rglob("*.png"))) == 100
    store.delete(sha256)
    assert provide_dataset(store, root, sha256) == root / sha256
    assert sorted(each.name for each in root.iterdir()) == sorted([f".{sha256}.lock", sha256])


def test_what_is_not_whole_leaves_nothing_behind(store: ArtifactStore, tmp_path: Path) -> None:
    hostile = pack(store, tmp_path, {"train/a/1.png": b"x", "../../up.png": b"x"})
    root = tmp_path / "datasets"
    with pytest.raises(ArchiveError):
        provide_dataset(store, root, hostile)
    with pytest.raises(ArtifactMissingError):
        provide_dataset(store, root, "0" * 64)
    assert {each.suffix for each in root.iterdir()} == {".lock"}
    assert not (tmp_path / "up.png").exists()


def test_a_data_set_that_no_job_has_begun_with_for_long_is_removed(store: ArtifactStore, tmp_path: Path) -> None:
    root = tmp_path / "datasets"
    old = provide_dataset(store, root, pack(store, tmp_path, {"train/a/1.png": b"old"}))
    new = provide_dataset(store, root, pack(store, tmp_path, {"train/a/1.png": b"new"}))
    os.utime(old, (time.time() - 100, time.time() - 100))
    assert sweep_datasets(root, idle_s=50) == [old]
    assert (old.exists(), new.exists()) == (False, True)
    assert provide_dataset(store, root, old.name) == old
    assert sweep_datasets(tmp_path / "none") == []
