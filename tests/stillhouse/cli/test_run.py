"""`stillhouse run`: the engine without a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.stillhouse.serving import tiny_spec

ARTIFACT = "art_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def _start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "stillhouse", "run", *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _write(folder: Path, spec: dict[str, Any]) -> Path:
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    return path


def test_a_run_makes_a_student_from_another_runs_student(tmp_path: Path) -> None:
    spec = _write(tmp_path, tiny_spec())
    first = _start(tmp_path, spec, "--folder", "first")
    said, shown = first.communicate(timeout=120)
    assert first.returncode == 0, shown
    assert "test/accuracy" in said
    assert "load_student" in shown
    student = tmp_path / "first/artifacts/student.safetensors"
    assert student.is_file()
    second = _start(
        tmp_path, spec, "--folder", "second", "--json", "--input", f"{ARTIFACT}={student}",
        "--set", "models.teacher.model=resnet8", "--set", f"models.teacher.weights.artifact={ARTIFACT}",
        "--set", "stages.0.teachers=[teacher]", "--set", "stages.0.objective.kd.method=kd",
    )  # fmt: skip
    said, shown = second.communicate(timeout=120)
    assert second.returncode == 0, shown
    events = [json.loads(line) for line in said.splitlines()]
    assert [events[0]["type"], events[-1]["type"]] == ["run_started", "succeeded"]
    assert any("train/kd" in event.get("values", {}) for event in events)


def test_ctrl_c_saves_and_resume_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    spec = _write(tmp_path, tiny_spec())
    options = ("--set", "stages.0.epochs=40", "--set", "runtime.checkpoint_interval_s=0.5")
    broken = _start(tmp_path, spec, "--folder", "broken", *options)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("broken/checkpoints/*.pt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(broken.pid, signal.SIGINT)
    _, shown = broken.communicate(timeout=60)
    assert broken.returncode == 75, shown
    assert "--resume" in shown
    resumed = _start(tmp_path, tmp_path / "broken/spec.json", "--folder", "broken", "--resume")
    straight = _start(tmp_path, spec, "--folder", "straight", *options)
    for process in (resumed, straight):
        _, shown = process.communicate(timeout=120)
        assert process.returncode == 0, shown
    students = [tmp_path / folder / "artifacts/student.safetensors" for folder in ("broken", "straight")]
    assert students[0].read_bytes() == students[1].read_bytes()


def test_a_run_that_fails_tells_why(tmp_path: Path) -> None:
    spec = _write(tmp_path, tiny_spec())
    failing = _start(tmp_path, spec, "--set", "data.train.dataset=cifar10", "--set", "data.test.dataset=cifar10")
    _, shown = failing.communicate(timeout=60)
    assert failing.returncode == 1
    assert "data_missing: " in shown
    assert "engine.log" in shown


@pytest.mark.parametrize("options", [("--resume", "--folder", "empty"), ("--input", "art_1=nowhere")])
def test_what_cannot_be_done_is_told_before_anything_starts(tmp_path: Path, options: tuple[str, ...]) -> None:
    process = _start(tmp_path, _write(tmp_path, tiny_spec()), *options)
    _, shown = process.communicate(timeout=60)
    assert process.returncode in {1, 2}
    assert "Traceback" not in shown
