from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distill_core.engine.checkpoint import load_checkpoint, save_checkpoint
from distill_core.errors import CheckpointError
from tests.distill_core.experiments import run, supervised

IDENTITY = {"spec": "abc", "data": {"train": "def"}}


def save(folder: Path, step: int = 1) -> Path:
    return save_checkpoint(folder, step, {"identity": IDENTITY, "weights": torch.arange(1000.0)}).path


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    state = load_checkpoint(save(tmp_path), IDENTITY)
    assert state["weights"].equal(torch.arange(1000.0))


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 9, 10):
        save(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000009.pt", "step-00000010.pt"]


def test_a_checkpoint_of_another_run_is_refused_with_what_differs(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="belongs to another run: it differs in data, spec"):
        load_checkpoint(save(tmp_path), {"spec": "abx", "data": {"train": "dex"}})


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "flipped", "foreign", "code"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    path = save(tmp_path)
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(content[:-500])
    elif damage == "flipped":
        content[content.index(torch.arange(1000.0).numpy().tobytes()) + 77] ^= 1
        path.write_bytes(content)
    elif damage == "foreign":
        torch.save([1, 2, 3], path)
    elif damage == "code":
        torch.save({"format": 1, "identity": IDENTITY, "run": print}, path)
    with pytest.raises(CheckpointError):
        load_checkpoint(path, IDENTITY)


def test_a_run_refuses_the_checkpoint_of_another_spec(tmp_path: Path) -> None:
    limited = supervised()
    limited["runtime"] |= {"time_limit_s": 1e-6}
    checkpoint = run(limited, tmp_path / "first").newest_checkpoint
    another = supervised()
    another["stages"][0]["optimizer"]["lr"] = 0.04
    outcome = run(another, tmp_path / "second", "--resume", checkpoint)
    assert (outcome.code, outcome.last["reason"]) == (1, "checkpoint_invalid")
    assert "differs in spec" in outcome.last["message"]


def test_a_run_that_was_too_long_goes_on_with_a_longer_limit(tmp_path: Path) -> None:
    limited = supervised()
    limited["runtime"] |= {"time_limit_s": 1e-6}
    checkpoint = run(limited, tmp_path / "first").newest_checkpoint
    resumed = run(supervised(name="more time"), tmp_path / "second", "--resume", checkpoint)
    assert resumed.code == 0
    assert resumed.student == run(supervised(), tmp_path / "straight").student
