from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distill_core.cli import main
from distill_core.files import hash_file
from tests.distill_core.experiments import ROOT, run, supervised


def engine(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the engine's command in a process of its own."""
    command = [sys.executable, "-P", "-m", "distill_core", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_check_prints_every_problem_and_needs_no_torch(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    document = supervised()
    document["models"]["teacher"]["model"] = "resnt8"
    document["data"]["test"]["split"] = 3
    spec.write_text(json.dumps(document))
    source = f"import sys; from distill_core.cli import main; code = main(['check', {str(spec)!r}]); "
    result = subprocess.run(
        [sys.executable, "-P", "-c", source + "assert 'torch' not in sys.modules; sys.exit(code)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    assert "/models/teacher/model: no model is called 'resnt8' Did you mean 'resnet8'" in result.stdout
    assert "/data/test/split" in result.stdout


def test_check_is_silent_about_a_good_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(supervised()))
    assert main(["check", str(spec)]) == 0
    assert capsys.readouterr().out == ""


def test_a_published_experiment_runs_at_its_smallest_size_without_its_data(tmp_path: Path) -> None:
    recipe = ROOT / "distill_core/recipes/cifar100_kd_r56_r20.yaml"
    assert main(["run", str(recipe), "--folder", str(tmp_path), "--data-root", str(tmp_path / "none"), "--smoke"]) == 0
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[-1]["type"] == "succeeded"
    assert [event["step"] for event in events if event["type"] == "metrics"][-1] == 4  # two stages of two steps


def test_the_smallest_size_of_a_wrong_spec_is_refused_as_the_whole_is(tmp_path: Path) -> None:
    document = supervised()
    document["models"]["teacher"]["model"] = "resnt8"
    assert run(document, tmp_path, "--smoke").last["type"] == "failed"


def test_a_downloaded_student_is_evaluated_to_exactly_the_reported_figures_in_a_fresh_process(tmp_path: Path) -> None:
    finished = run(supervised(), tmp_path / "run")
    student = tmp_path / "downloaded.safetensors"
    student.write_bytes(finished.student)
    result = engine("evaluate", student, finished.folder / "artifacts/spec.json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == finished.last["figures"]


def test_evaluating_what_is_no_student_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(supervised()))
    assert main(["evaluate", str(spec), str(spec)]) == 1
    assert "not a readable safetensors file" in capsys.readouterr().err


def test_a_downloaded_student_is_exported_in_a_fresh_process_and_told_as_an_artifact(tmp_path: Path) -> None:
    finished = run(supervised(), tmp_path / "run")
    student = tmp_path / "downloaded.safetensors"
    student.write_bytes(finished.student)
    asked = ("--student", student, "--folder", tmp_path / "export", "--format", "torch_export", "--until", "stage1")
    result = engine("export", finished.folder / "artifacts/spec.json", *asked)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in (tmp_path / "export/events.jsonl").read_text().splitlines()]
    assert [event["type"] for event in events] == ["run_started", "artifact", "succeeded"]
    file = tmp_path / "export" / events[1]["path"]
    assert hash_file(file) == events[1]["sha256"]
    assert events[2]["figures"]["export/torch_export_max_difference"] <= 1e-4


def test_exporting_what_cannot_be_says_why_as_the_reason_of_a_failure(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(supervised()))
    for extra, reason in ((("--format", "onnx"), "weights_invalid"), ((), "spec_rejected_at_start")):
        folder = tmp_path / reason
        assert main(["export", str(spec), "--student", str(spec), "--folder", str(folder), *extra]) == 1
        last = json.loads((folder / "events.jsonl").read_text().splitlines()[-1])
        assert (last["type"], last["reason"]) == ("failed", reason), last


def test_a_run_whose_parent_is_gone_does_not_start(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(supervised()))
    result = engine("run", spec, "--folder", tmp_path / "run", "--parent-pid", "1")
    assert result.returncode == 1
    assert not (tmp_path / "run").exists()


def test_a_run_dies_with_its_parent(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    document = supervised()
    document["stages"][0]["epochs"] = 100_000
    spec.write_text(json.dumps(document))
    folder = tmp_path / "run"
    parent = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-P", "-m", "distill_core", "run", {str(spec)!r}, "--folder", {str(folder)!r},
                          "--parent-pid", str(os.getpid())], stderr=subprocess.DEVNULL)
while not os.path.exists({str(folder / "events.jsonl")!r}):
    time.sleep(0.05)
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    result = subprocess.run([sys.executable, "-c", parent], cwd=ROOT, capture_output=True, text=True, check=False)
    stat = Path(f"/proc/{int(result.stdout)}/stat")
    deadline = time.monotonic() + 10
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, "the engine outlived its parent"
        time.sleep(0.02)


def test_default_folders_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLHOUSE_DATA_ROOT", str(tmp_path / "here"))
    document = supervised()
    document["data"] = {name: {"dataset": "mnist", "split": name} for name in ("train", "test")}
    outcome = run(document, tmp_path / "run", data_root=None)
    assert str(tmp_path / "here/MNIST/raw") in outcome.last["message"]
