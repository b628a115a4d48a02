"""From the submission of a teacher and a student to weights that prove themselves, on each set of stores."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from stillhouse.client import Client
from tests.e2e.running import digits_spec, running_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_student_is_distilled_from_an_earlier_jobs_weights_and_downloaded(
    stores: dict[str, str], tmp_path: Path
) -> None:
    teaching = digits_spec()
    learning = copy.deepcopy(teaching)
    with running_up(stores) as up, Client(up.url, key=up.key) as client:
        teacher = client.wait(client.submit(teaching).id, timeout_s=120, poll_s=0.3)
        assert teacher.has_succeeded, teacher.status_message
        weights = client.find_artifact(teacher.id, "student")
        learning["models"]["teacher"] = {"model": "resnet8", "weights": {"artifact": weights.id}}
        learning["stages"][0] |= {"teachers": ["teacher"], "objective": {"kd": {"method": "kd"}}}
        student = client.wait(client.submit(learning).id, timeout_s=120, poll_s=0.3)
        assert student.has_succeeded, student.status_message
        path = client.download_student(student.id, tmp_path)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == client.find_artifact(student.id, "student").sha256
        assert {artifact.kind for artifact in client.artifacts(student.id)} >= {
            "student",
            "manifest",
            "metrics",
            "spec",
        }
        series = client.series(student.id, ["train/loss"])["train/loss"].points
        assert [point.step for point in series] == [5, 7, 10, 14]
        assert "".join(chunk.text for chunk in client.logs(student.id))
    (tmp_path / "spec.json").write_text(json.dumps(student.resolved_spec))
    command = [sys.executable, "-P", "-m", "distill_core", "evaluate", str(path), str(tmp_path / "spec.json")]
    figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert student.figures is not None
    assert figures["test/accuracy"] == student.figures["test/accuracy"]
    assert figures["test/nll"] == student.figures["test/nll"]


def test_missing_data_and_broken_weights_fail_their_jobs_with_a_reason_to_act_on(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/broken.safetensors").write_bytes(b"not weights at all")
    environment = {
        "STILLHOUSE_HOME": str(tmp_path / "home"),
        "STILLHOUSE_DATA_ROOT": str(tmp_path / "data"),
        "STILLHOUSE_WEIGHTS_ROOT": str(tmp_path / "weights"),
    }
    without_data, with_broken_weights = digits_spec(), digits_spec()
    without_data["data"] = {"train": {"dataset": "cifar10"}, "test": {"dataset": "cifar10", "split": "test"}}
    with_broken_weights["models"]["student"]["weights"] = {"file": "broken.safetensors"}
    with running_up(environment) as up, Client(up.url, key=up.key) as client:
        jobs = [client.submit(spec) for spec in (without_data, with_broken_weights)]
        data, weights = (client.wait(job.id, timeout_s=60, poll_s=0.3) for job in jobs)
    assert (data.state, data.status_reason) == ("failed", "data_missing")
    assert "cifar-10-batches-bin" in str(data.status_message)
    assert (weights.state, weights.status_reason) == ("failed", "weights_invalid")
    assert "broken.safetensors" in str(weights.status_message)
