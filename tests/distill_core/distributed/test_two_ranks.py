from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from distill_core.distributed import World
from distill_core.engine.launch import Layout, launch
from tests.distill_core.distributed import experiment

TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two ranks, started by the launcher, have left what they computed."""
    folder = tmp_path_factory.mktemp("ranks")
    program = [sys.executable, "-W", "error", str(Path(experiment.__file__)), str(folder)]
    assert launch(program, folder, Layout(2), threading.Event()) == 0
    return folder


@pytest.fixture(scope="module")
def seen(folder: Path) -> list[dict[str, Any]]:
    """What each rank has seen."""
    return [json.loads((folder / f"seen.{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", experiment.SAME)
def test_two_ranks_compute_what_one_does(name: str, folder: Path) -> None:
    alone = experiment.SAME[name](World())
    for rank in range(2):
        together = load_file(folder / f"{name}.{rank}.safetensors")
        assert together.keys() == alone.keys()
        for key, expected in alone.items():
            torch.testing.assert_close(together[key], expected, rtol=TOLERANCE, atol=TOLERANCE, msg=f"{name} {key}")


def test_a_rank_knows_its_place(seen: list[dict[str, Any]]) -> None:
    assert [rank["world"] for rank in seen] == [[0, 2, 0, 2, "gloo", True], [1, 2, 1, 2, "gloo", False]]


def test_one_raised_flag_is_seen_by_all(seen: list[dict[str, Any]]) -> None:
    for rank in seen:
        assert rank["any"] == [True, False]
        assert rank["agreed"] == [True, True, False]


def test_a_document_of_the_first_rank_reaches_all(seen: list[dict[str, Any]]) -> None:
    assert [rank["document"] for rank in seen] == [{"from": 0, "letters": "äß", "none": None}] * 2


def test_unequal_shares_are_refused_with_their_sizes(seen: list[dict[str, Any]]) -> None:
    for number, rank in enumerate(seen):
        assert f"the ranks hold [2, 3] rows, rank {number} of shape [{2 + number}, 3]" in rank["ragged"]
        assert f"shape [2, {3 + number}]" in rank["widths"]
        assert f"type {('torch.int64', 'torch.float32')[number]}" in rank["types"]
        assert "a scalar has no rows" in rank["scalar"]


def test_wrapping_gives_all_ranks_the_weights_of_the_first(seen: list[dict[str, Any]]) -> None:
    assert [rank["weights"] for rank in seen] == [[0.0, 0.0]] * 2


def test_an_objective_without_anything_to_train_is_not_wrapped(seen: list[dict[str, Any]]) -> None:
    assert [rank["untrained"] for rank in seen] == ["Linear", "Linear"]


def test_undone_synchronising_leaves_each_rank_its_own_statistics(seen: list[dict[str, Any]]) -> None:
    assert [rank["unsynchronised"] for rank in seen] == [True, True]


def test_ranks_started_by_torchrun_compute_the_same(folder: Path, tmp_path: Path) -> None:
    program = ["--standalone", "--nproc-per-node", "2", str(Path(experiment.__file__)), str(tmp_path)]
    result = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    for file in folder.glob("*.safetensors"):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name
