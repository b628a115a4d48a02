"""Downloads over a network that cuts and spoils."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillhouse.client import Artifact, Client, DamagedDownloadError, NotFoundError, ServerUnreachableError
from tests.stillhouse.chaos import Chaos, open_chaos
from tests.stillhouse.serving import HandWorker, ServerProcess, tiny_spec


@pytest.fixture
def artifact(client: Client, hand: HandWorker, blob: Path) -> Artifact:
    """An artifact of three megabytes."""
    job = client.submit(tiny_spec())
    hand.succeed(hand.take(job.id), {"student": blob})
    return client.find_artifact(job.id, "student")


@pytest.fixture
def chaos(server: ServerProcess) -> Iterator[Chaos]:
    """A bad network in front of the server."""
    with open_chaos(server.url) as proxy:
        yield proxy


@pytest.fixture
def far(chaos: Chaos, server: ServerProcess) -> Iterator[Client]:
    """A client behind the bad network."""
    with Client(chaos.url, key=server.key) as opened:
        yield opened


def _ranges(chaos: Chaos) -> list[int]:
    asked = [re.search(r"range: bytes=(\d+)-", request) for request in chaos.requests if "/content" in request]
    return [int(found.group(1)) if found else 0 for found in asked]


def test_an_artifact_arrives_whole(client: Client, artifact: Artifact, blob: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    target = client.download(artifact, tmp_path / "here", report=lambda here, total: told.append((here, total)))
    assert target.read_bytes() == blob.read_bytes()
    assert told[-1] == (artifact.size, artifact.size)
    assert [here for here, _ in told] == sorted(here for here, _ in told)


def test_a_folder_gets_a_file_of_the_artifacts_name(client: Client, artifact: Artifact, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert client.download(artifact.id, folder) == folder / "student.safetensors"
    assert list(folder.iterdir()) == [folder / "student.safetensors"]


def test_a_download_that_is_cut_twice_goes_on_where_it_was(
    chaos: Chaos, far: Client, artifact: Artifact, blob: Path, tmp_path: Path
) -> None:
    chaos.cuts = [int(artifact.size * 0.3), int(artifact.size * 0.5)]
    target = far.download(artifact, tmp_path / "here")
    assert target.read_bytes() == blob.read_bytes()
    first, second, third = _ranges(chaos)
    assert first == 0
    assert 0.2 < second / artifact.size < 0.31
    assert 0.6 < third / artifact.size < 0.81


def test_a_later_call_goes_on_where_a_given_up_one_was(
    chaos: Chaos, server: ServerProcess, far: Client, artifact: Artifact, blob: Path, tmp_path: Path
) -> None:
    chaos.cuts = [artifact.size // 2, *([0] * 100)]
    with Client(chaos.url, key=server.key, patience_s=0.5) as hasty, pytest.raises(ServerUnreachableError):
        hasty.download(artifact, tmp_path / "here")
    (part,) = tmp_path.glob("here.*.part")
    assert 0 < part.stat().st_size < artifact.size
    chaos.cuts.clear()
    chaos.requests.clear()
    assert far.download(artifact, tmp_path / "here").read_bytes() == blob.read_bytes()
    assert _ranges(chaos)[0] > 0.4 * artifact.size
    assert not list(tmp_path.glob("*.part"))


def test_a_flipped_byte_is_an_error_and_nothing_is_left_of_it(
    chaos: Chaos, far: Client, artifact: Artifact, blob: Path, tmp_path: Path
) -> None:
    chaos.spoil = lambda data: data.replace((9999).to_bytes(4, "big"), b"\x00\x00\x00\x00")
    with pytest.raises(DamagedDownloadError, match="sha256"):
        far.download(artifact, tmp_path / "here")
    assert not list(tmp_path.glob("here*"))
    chaos.spoil = lambda data: data
    assert far.download(artifact, tmp_path / "here").read_bytes() == blob.read_bytes()


def test_what_another_artifact_left_is_never_mixed_in(
    client: Client, artifact: Artifact, blob: Path, tmp_path: Path
) -> None:
    (tmp_path / f"here.{'0' * 12}.part").write_bytes(b"something else")
    assert client.download(artifact, tmp_path / "here").read_bytes() == blob.read_bytes()


@pytest.mark.parametrize("left", [b"", b"too long" * 1_000_000])
def test_a_strange_partial_file_does_no_harm(
    client: Client, artifact: Artifact, blob: Path, tmp_path: Path, left: bytes
) -> None:
    (tmp_path / f"here.{artifact.sha256[:12]}.part").write_bytes(left)
    assert client.download(artifact, tmp_path / "here").read_bytes() == blob.read_bytes()


def test_an_empty_artifact_arrives_too(client: Client, hand: HandWorker, tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.touch()
    job = client.submit(tiny_spec())
    hand.succeed(hand.take(job.id), {"metrics": empty})
    target = client.download(client.find_artifact(job.id, "metrics"), tmp_path / "here")
    assert target.read_bytes() == b""


def test_a_kind_that_a_job_does_not_have_is_told_with_those_it_has(client: Client, artifact: Artifact) -> None:
    with pytest.raises(NotFoundError, match="student"):
        client.find_artifact(artifact.job_id, "manifest")
