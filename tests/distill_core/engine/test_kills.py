"""A run with everything that has a state in it ends, however it is interrupted, as if it never had been."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from distill_core.errors import CheckpointError
from tests.distill_core.experiments import Outcome, distillation
from tests.distill_core.killing import (
    FIRST_STAGE,
    Attempts,
    at_step,
    counted_points,
    everything,
    run_until,
    told,
)

FOREVER = 10**6
BUILDING, COMPLETE = FIRST_STAGE + 6, FIRST_STAGE + 13
"""Steps in the middle of the second epoch of the second stage, which still writes rows, and of its fourth."""


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("cached")
    outcome = run_until(everything(), folder, FOREVER, cache=folder / "cache")
    assert [event["mode"] for event in outcome.of("cache")] == ["write", "ready"]
    return outcome


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run_until(everything(), tmp_path_factory.mktemp("live"), FOREVER)


def check_equal(found: Outcome, expected: Outcome) -> None:
    assert len(found.of("evaluated")) == 1
    assert counted_points(found) == counted_points(expected)
    assert found.student == expected.student


def test_a_run_that_is_killed_with_its_cache_ends_as_one_left_alone(cached: Outcome, tmp_path: Path) -> None:
    folder, cache = tmp_path / "run", tmp_path / "cache"
    attempts = Attempts(everything(checkpoint_interval_s=0), folder, ("--cache-root", cache))
    for step in (FIRST_STAGE - 7, BUILDING, COMPLETE):
        attempts.interrupt(signal.SIGKILL, at_step(step))
    check_equal(run_until(everything(), folder, FOREVER, cache=cache), cached)
    assert attempts.codes == [-signal.SIGKILL] * 3
    assert len(attempts.outcome.of("run_started")) == 4


def test_a_run_stays_live_when_another_one_completes_the_entry_between_its_kills(live: Outcome, tmp_path: Path) -> None:
    folder, cache = tmp_path / "run", tmp_path / "cache"
    document = everything(checkpoint_interval_s=0)
    another, attempts = (Attempts(document, tmp_path / name, ("--cache-root", cache)) for name in ("another", "run"))
    with another.started() as process:
        another.await_event(process, told("cache", mode="write"))
        process.send_signal(signal.SIGSTOP)
        attempts.interrupt(signal.SIGKILL, at_step(FIRST_STAGE + 2))
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 0
    assert list(cache.glob("*/complete.json"))
    attempts.interrupt(signal.SIGKILL, at_step(COMPLETE))
    check_equal(run_until(everything(), folder, FOREVER, cache=cache), live)
    assert [event["mode"] for event in attempts.outcome.of("cache")] == ["off"]


def untaught(**runtime: Any) -> dict[str, Any]:
    """Return a spec of the second stage alone, whose teacher is the same on any number of ranks."""
    document = everything(epochs=3)
    teach, distil = document["stages"]
    return document | {"stages": [teach | distil], "runtime": document["runtime"] | runtime}


def test_two_ranks_stay_live_together_while_another_run_fills_the_entry(tmp_path: Path) -> None:
    options = ("--cache-root", tmp_path / "cache")
    another = Attempts(untaught(), tmp_path / "another", options)
    with another.started() as process:
        another.await_event(process, told("cache", mode="write"))
        process.send_signal(signal.SIGSTOP)
        pair = Attempts(untaught(devices=2), tmp_path / "pair", options).finish()
    assert pair.code == 0
    assert [event["mode"] for event in pair.of("cache")] == ["off"]


def lose(cache: Path) -> None:
    shutil.rmtree(cache)


def alter(cache: Path) -> None:
    for path in cache.glob("*/column0.bin"):
        path.write_bytes(path.read_bytes()[:-4] + b"\xff\xff\xff\x7f")


def let_another_run_make_it_anew(cache: Path) -> None:
    """Fill the entry with rows of other batches, as a run does that goes through the samples in another order."""
    shutil.rmtree(cache)
    document = everything()
    document["stages"][1]["batch_size"] = 40
    run_until(document, cache.with_name("another"), FOREVER, cache=cache)


@pytest.mark.parametrize(
    ("step", "damage"),
    [
        (BUILDING, lose),
        (COMPLETE, lose),
        (COMPLETE, alter),
        (BUILDING, let_another_run_make_it_anew),
        (COMPLETE, let_another_run_make_it_anew),
    ],
)
def test_rows_that_were_lost_while_a_run_was_down_are_computed_as_they_were(
    cached: Outcome, tmp_path: Path, step: int, damage: Any
) -> None:
    folder, cache = tmp_path / "run", tmp_path / "cache"
    run_until(everything(), folder, step, cache=cache)
    run_until(everything(), folder, 1, cache=cache)  # a resumed run has not forgotten that the rows are its own
    damage(cache)
    check_equal(run_until(everything(), folder, FOREVER, cache=cache), cached)


def factor_transfer() -> dict[str, Any]:
    """Return a spec of three stages: a teacher, its paraphraser, and the student that imitates its factors."""
    document = distillation()
    teach, distil = document["stages"]
    document["models"]["student"] = {"model": "resnet14"}
    paraphrase = {
        "name": "paraphrase",
        "student": "student",
        "teachers": ["teacher"],
        "epochs": 1,
        "objective": {"ft": {"method": "ft_paraphraser"}},
        "keep": "last",
        "validate_on": None,
    }
    distil |= {"objective": {"ce": {"method": "ce"}, "ft": {"method": "ft"}}, "validate_on": "test", "epochs": 2}
    return document | {"stages": [teach, paraphrase, distil], "outputs": {"curves": [], "card": False}}


@pytest.mark.parametrize("step", [12, 14])
def test_a_module_that_an_earlier_stage_exported_is_there_again_after_a_resume(tmp_path: Path, step: int) -> None:
    straight = run_until(factor_transfer(), tmp_path / "straight", FOREVER)
    run_until(factor_transfer(), tmp_path / "run", step)
    resumed = run_until(factor_transfer(), tmp_path / "run", FOREVER)
    assert resumed.of("run_started")[-1]["resumed_from_step"] == step
    assert counted_points(resumed) == counted_points(straight)
    assert resumed.student == straight.student


def test_a_checkpoint_is_refused_when_an_image_has_changed_since(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for number in range(16):
        folder = tmp_path / "data/shapes/train" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    views = {"main": {"transforms": [{"transform": "center_crop", "size": 8}]}}
    stream = {"dataset": "image_folder", "params": {"folder": "shapes", "num_classes": 2}, "views": views}
    document = distillation(data={"train": stream})
    document["stages"] = [document["stages"][0] | {"validate_on": None, "batch_size": 8}]
    document["evaluation"] = {"latency": False}
    run_until(document, tmp_path / "run", 1, data=tmp_path / "data")
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(tmp_path / "data/shapes/train/a/0.png")
    with pytest.raises(CheckpointError, match="belongs to another run: it differs in data"):
        run_until(document, tmp_path / "run", FOREVER, data=tmp_path / "data")
