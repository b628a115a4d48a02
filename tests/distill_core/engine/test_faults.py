"""Whatever goes wrong ends a run with an error that says what and what to do, and costs no good checkpoint."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from distill_core.engine.checkpoint import save_checkpoint
from distill_core.engine.events import EventLog
from distill_core.errors import DivergedError
from tests.contracts.lessons import Lesson
from tests.distill_core.experiments import ROOT, Outcome, command, distillation, run, supervised

FIRST_STAGE = 2
CHECKPOINT_BYTES = 600_000
"""Less than a checkpoint takes once the second stage's optimizer has its moments, and more than one before does."""


def small(objective: dict[str, Any] | None = None, **stage: Any) -> dict[str, Any]:
    """Return a spec of a few steps whose teacher can be cached; every step ends with a checkpoint."""
    document = distillation(outputs={"curves": [], "card": False})
    document["data"]["train"]["num_samples"] = 64
    document["data"]["train"]["views"]["main"]["variants"] = 1
    document["data"]["test"]["num_samples"] = 32
    teach, distil = document["stages"]
    teach |= {"epochs": 1, "batch_size": 32, "optimizer": {"optimizer": "sgd", "lr": 0.05}}
    distil |= {"keep": "last", **stage}
    distil["objective"] |= objective or {}
    document["runtime"]["checkpoint_interval_s"] = 0
    return document


def hint(student: str, teacher: str, **place: Any) -> dict[str, Any]:
    """Return an objective that compares two places."""
    places = {"input": {"of": "student", "path": student, **place}, "target": {"of": "teacher", "path": teacher}}
    return {"hint": {"method": "loss", "params": places}}


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    outcome = run(small(), tmp_path_factory.mktemp("straight"))
    assert outcome.code == 0
    return outcome


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Have the system refuse files over a size, as a disk does that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def check_failed(outcome: Outcome, reason: str, *words: str) -> None:
    assert (outcome.code, outcome.last["type"], outcome.last["reason"]) == (1, "failed", reason)
    assert outcome.last["code"]
    for word in words:
        assert word in outcome.last["message"]


def check_can_go_on(outcome: Outcome, folder: Path, straight: Outcome) -> None:
    """What the fault left is a checkpoint from which the run ends as if there had been no fault."""
    resumed = run(small(), folder, "--resume", outcome.newest_checkpoint)
    assert resumed.code == 0
    assert resumed.student == straight.student


@pytest.mark.parametrize(
    ("objective", "pointer", "words"),
    [
        (hint("stgae2", "stage2"), "/params/input/path", ["no feature point or module 'stgae2'", "'stage2'"]),
        (hint("logits", "stage9"), "/params/target/path", ["no feature point or module 'stage9'", "'stage1'"]),
    ],
)
def test_a_layer_that_does_not_exist_is_refused_before_anything_runs(
    tmp_path: Path, objective: dict[str, Any], pointer: str, words: list[str]
) -> None:
    outcome = run(small(objective), tmp_path)
    check_failed(outcome, "spec_rejected_at_start", *words)
    assert [problem["pointer"] for problem in outcome.last["problems"]] == [f"/stages/1/objective/hint{pointer}"]
    assert outcome.of("run_started") == []


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (hint("stage2", "stage2", call=3), ["'stage2' is called once", "there is no call 3"]),
        (hint("stage2", "stage2", key="hidden"), ["'stage2 key=hidden' gives no tensor: there is no entry 'hidden'"]),
        (hint("stage1", "stage2"), ["input of shape [B 16 4 4]", "target of shape [B 32 4 4]", "pool_vector by 2"]),
    ],
)
def test_a_place_that_is_unfit_is_refused_by_the_probe_and_the_stage_before_is_not_lost(
    straight: Outcome, tmp_path: Path, objective: dict[str, Any], words: list[str]
) -> None:
    outcome = run(small(objective), tmp_path / "run")
    check_failed(outcome, "spec_rejected_at_start", *words)
    (problem,) = outcome.last["problems"]
    assert problem["pointer"].startswith("/stages/1/objective")
    assert outcome.newest_checkpoint.name == f"step-{FIRST_STAGE - 1:08d}.pt"


def test_a_loss_that_diverges_is_named_with_its_step_and_is_in_no_checkpoint(tmp_path: Path) -> None:
    document = small(optimizer={"optimizer": "sgd", "lr": 1000.0})
    for term in document["stages"][1]["objective"].values():
        term["weight"] = 1e9
    outcome = run(document, tmp_path)
    check_failed(outcome, "nan_loss", "'ce' became", "in step 4", "smaller learning rate")
    assert outcome.newest_checkpoint.name == "step-00000003.pt"
    again = run(document, tmp_path / "again", "--resume", outcome.newest_checkpoint)
    assert again.last["message"] == outcome.last["message"]


def test_weights_that_diverge_before_any_loss_are_in_no_checkpoint_either(tmp_path: Path) -> None:
    """Behind BatchNorm the size of a weight does not matter, so that the losses look well until it overflows."""
    document = supervised()
    document["data"]["train"]["num_samples"] = 64
    optimizer = {"optimizer": "sgd", "lr": 1000.0, "weight_decay": 1.0}
    document["stages"][0] |= {"epochs": 30, "trainable": ["stem.conv"], "optimizer": optimizer}
    document["runtime"]["checkpoint_interval_s"] = 0
    outcome = run(document, tmp_path)
    check_failed(outcome, "nan_loss", "the weights 'stem.bn.running_var' are not finite after step", "clip")
    newest = torch.load(outcome.newest_checkpoint, weights_only=True)  # noqa: TID251  what was saved is looked at
    assert all(tensor.isfinite().all() for tensor in newest["stage"]["learner"]["objective"].values())


def test_a_weight_that_is_nan_is_named_by_whoever_wants_to_save_it(tmp_path: Path) -> None:
    lesson = Lesson.of("fitnet", tmp_path)
    lesson.learner.take_step([lesson.batch], epoch=0)
    with torch.no_grad():
        next(lesson.learner.assembly.objective.terms.parameters()).fill_(torch.nan)
    with pytest.raises(DivergedError, match=r"the weights 'term.*' are not finite after step 1,"):
        lesson.learner.state_dict()


def test_a_disk_that_is_full_ends_a_run_at_a_checkpoint_and_leaves_the_one_before(
    straight: Outcome, tmp_path: Path
) -> None:
    with largest_file(CHECKPOINT_BYTES):
        outcome = run(small(), tmp_path / "run")
    check_failed(outcome, "disk_full", "while writing", "checkpoints/step-", "make room there", "last checkpoint")
    left = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert left == ["step-00000001.pt", "step-00000002.pt"]
    check_can_go_on(outcome, tmp_path / "resumed", straight)


def test_a_disk_that_is_full_to_the_last_byte_still_takes_the_last_event(tmp_path: Path) -> None:
    with EventLog(tmp_path / "events.jsonl") as events:
        reserve = tmp_path / ".events.jsonl.reserve"
        assert reserve.stat().st_size >= 16_000
        events.emit("metrics", step=1)
        assert reserve.exists()
        events.emit("failed", reason="disk_full")
        assert not reserve.exists()
    assert [event["type"] for event in Outcome(tmp_path, 1).events] == ["metrics", "failed"]


def test_what_a_killed_process_left_of_a_checkpoint_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".step-00000007.pt.4711").write_bytes(b"half of it")
    save_checkpoint(tmp_path, 8, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000008.pt"]


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_disk_without_room_for_the_cache_is_told_and_only_a_run_that_insists_ends(tmp_path: Path, mode: str) -> None:
    document = small({"fitnet": {"method": "fitnet"}}, cache={"mode": mode})
    document["data"]["train"]["num_samples"] = 1000
    document["stages"][1] |= {"epochs": 2, "batch_size": 500}
    document["runtime"]["checkpoint_interval_s"] = 3600
    with largest_file(900_000):
        outcome = run(document, tmp_path / "run", "--cache-root", tmp_path / "cache")
    told = "File too large; make room or set another folder, or set cache: off"
    if mode == "auto":
        assert outcome.code == 0
        assert [(event["mode"], told in event["reason"]) for event in outcome.of("cache")] == [("off", True)]
    else:
        check_failed(outcome, "cache_unusable", str(tmp_path / "cache"), told)
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(("damage", "word"), [(cut, "bytes instead of"), (alter, "was altered since it was completed")])
def test_a_damaged_cache_is_named_and_never_read(
    straight: Outcome, tmp_path: Path, damage: Callable[[Path], None], word: str
) -> None:
    cache = tmp_path / "cache"
    assert run(small(), tmp_path / "first", "--cache-root", cache).code == 0
    (path,) = cache.glob("*/column0.bin")
    damage(path)
    outcome = run(small(), tmp_path / "second", "--cache-root", cache)
    assert outcome.student == straight.student
    (event,) = outcome.of("cache")
    assert event["mode"] == "off"
    for told in (str(path), word, f"delete the folder {path.parent}"):
        assert told in event["reason"]
    insisting = run(small(cache={"mode": "on"}), tmp_path / "third", "--cache-root", cache)
    check_failed(insisting, "cache_unusable", str(path), word)


def test_a_checkpoint_that_is_cut_short_is_refused_and_the_one_before_it_is_named(
    straight: Outcome, tmp_path: Path
) -> None:
    folder = tmp_path / "run/checkpoints"
    whole = sorted((straight.folder / "checkpoints").iterdir())
    folder.mkdir(parents=True)
    for path in whole:
        (folder / path.name).write_bytes(path.read_bytes())
    newest = folder / whole[-1].name
    cut(newest)
    outcome = run(small(), tmp_path / "run", "--resume", newest)
    check_failed(outcome, "checkpoint_invalid", str(newest), f"resume from {whole[0].name} beside it")
    newest.unlink()
    check_can_go_on(outcome, tmp_path / "resumed", straight)


PROGRAM = """
import resource, sys
import torch, sklearn.datasets, torch.utils.data
from distill_core.cli import main
in_use = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
limit = in_use + int(sys.argv.pop(1)) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(main())
"""
"""The engine's command with so many MiB of memory more than it takes to load it."""


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a process is read from /proc")
def test_a_run_that_needs_more_memory_than_there_is_says_so_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    greedy = {"crd": {"method": "crd", "params": {"num_negatives": 1_000_000, "negatives": "other_samples"}}}
    arguments = command(small(greedy), tmp_path)
    program = [sys.executable, "-P", "-c", PROGRAM, "700", *arguments]
    assert subprocess.run(program, cwd=ROOT, stderr=subprocess.DEVNULL, check=False).returncode == 1
    outcome = Outcome(tmp_path, 1)
    check_failed(outcome, "host_oom", "can't allocate memory", "smaller batch_size", "resume the run with more memory")
    assert "\n" not in outcome.last["message"]
    assert outcome.newest_checkpoint.name == f"step-{FIRST_STAGE - 1:08d}.pt"


def test_the_weights_of_another_model_are_refused_with_both_names(straight: Outcome, tmp_path: Path) -> None:
    document = small()
    document["models"]["teacher"]["weights"] = {"file": "student.safetensors"}
    outcome = run(document, tmp_path, "--weights-root", straight.folder / "artifacts")
    check_failed(outcome, "weights_invalid", "student.safetensors", "'light_nn'", "'resnet8'", "set the model to")
