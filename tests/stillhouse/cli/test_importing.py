"""`import` on the command line."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from distill_core.spec import check, parse_document
from tests.stillhouse.cli.calling import Run, call


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `stillhouse` without any server."""

    return partial(call, tmp_path)


DATA = Path(__file__).parents[2] / "data" / "torchdistill"


def test_a_whole_file_gives_a_spec_that_can_be_submitted(run: Run, tmp_path: Path) -> None:
    done = run("import", DATA / "kd.yaml", "--out", "spec.yaml")
    assert done.returncode == 0, done.stderr
    assert "all of it was carried over" in done.stderr
    assert check(parse_document((tmp_path / "spec.yaml").read_bytes())) == []
    assert run("check", "spec.yaml").returncode == 0
    again = run("import", DATA / "kd.yaml", "--out", "spec.yaml")
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert run("import", DATA / "kd.yaml", "--out", "spec.yaml", "--force").returncode == 0


def test_what_is_lost_is_told_in_the_file_on_the_screen_and_by_the_exit_code(run: Run) -> None:
    done = run("import", DATA / "kd-small.yaml")
    assert done.returncode == 4
    assert "# line 4, /models/teacher_model: no model of ours is 'densenet_bc_k24_depth250'" in done.stdout
    assert "not carried over: line 4" in done.stderr
    assert "the spec cannot be run as it is" in done.stderr
    document = json.loads(run("import", DATA / "kd-small.yaml", "--json").stdout)
    assert (document["is_whole"], len(document["losses"]), len(document["problems"])) == (False, 1, 1)


def test_what_is_no_experiment_file_is_wrong_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: 1")
    done = run("import", "x.yaml")
    assert done.returncode == 2
    assert "no experiment file of torchdistill" in done.stderr
