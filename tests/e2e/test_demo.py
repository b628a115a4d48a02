"""`stillhouse demo --json`: the whole demo, told to a program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_the_demo_prints_one_json_object_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "stillhouse", "demo", "--json", "--home", "home", "--output", "output"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    found = json.loads(line)
    assert set(found["jobs"]) == {"teacher", "student", "control"}
    accuracies = {role: job["accuracy"] for role, job in found["jobs"].items()}
    assert found["gain"] == accuracies["student"] - accuracies["control"]
    assert found["gain_interval"][0] < found["gain"] < found["gain_interval"][1]
    assert (tmp_path / found["weights"]).is_file()
    assert "within noise" in done.stderr or "With its teacher" in done.stderr
