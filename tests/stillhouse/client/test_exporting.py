"""Exports by the client, against a real server and a worker that does what a test says."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillhouse.client import Client, ConflictError, InvalidRequestError, NotFoundError
from tests.stillhouse.serving import RUN_STARTED, HandWorker, tiny_spec


@pytest.fixture
def done(client: Client, hand: HandWorker, blob: Path) -> str:
    """The id of a job that has succeeded with a student."""
    job = client.submit(tiny_spec())
    claim = hand.take(job.id)
    hand.report(claim, RUN_STARTED)
    hand.succeed(claim, {"student": blob})
    return job.id


def test_an_export_is_asked_for_waited_for_and_downloaded(
    client: Client, hand: HandWorker, done: str, blob: Path, tmp_path: Path
) -> None:
    asked = client.export(done, "onnx", until="stage1", opset=20)
    assert (asked.job_id, asked.format, asked.until, asked.opset) == (done, "onnx", "stage1", 20)
    assert (asked.state, asked.is_done, asked.artifact_id) == ("queued", False, None)
    assert client.export(done, "onnx", until="stage1", opset=20).id == asked.id
    claim = hand.take(asked.id)
    hand.report(claim, RUN_STARTED)
    hand.succeed(claim, {"onnx": blob})
    assert client.wait(asked.id).has_succeeded
    [made] = client.exports(done)
    assert made.is_done
    assert made.artifact_id is not None
    path = client.download(made.artifact_id, tmp_path / "there")
    assert path.read_bytes() == blob.read_bytes()


def test_an_export_that_cannot_be_is_refused_with_its_place(client: Client, done: str) -> None:
    for wanted, pointer in (({"opset": 3}, "/opset"), ({"until": ""}, "/until"), ({"until": "stge1"}, "/until")):
        with pytest.raises(InvalidRequestError) as refusal:
            client.export(done, "onnx", **wanted)
        assert [problem.pointer for problem in refusal.value.problems] == [pointer]
    with pytest.raises(InvalidRequestError):
        client.export(done, "tflite")
    with pytest.raises(ConflictError):
        client.export(client.submit(tiny_spec()).id, "onnx")
    with pytest.raises(NotFoundError):
        client.exports("job_none")
    assert client.exports(done) == []
