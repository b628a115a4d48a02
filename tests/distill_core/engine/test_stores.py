from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distill_core.errors import CacheError
from tests.distill_core.experiments import Outcome, run

RANDOM = [{"transform": "random_crop", "padding": 1}, {"transform": "normalize"}]
FIXED = [{"transform": "normalize"}]


def spec(view: dict[str, Any], stage: dict[str, Any] | None = None, **runtime: Any) -> dict[str, Any]:
    """Return a spec of three short epochs with an untrained teacher."""
    return {
        "version": 1,
        "name": "stored",
        "models": {"teacher": {"model": "resnet14"}, "student": {"model": "resnet8"}},
        "data": {
            "train": {"dataset": "digits", "num_samples": 40, "views": {"main": view}},
            "test": {"dataset": "digits", "split": "test", "num_samples": 30},
        },
        "stages": [
            {
                "name": "distil",
                "student": "student",
                "teachers": ["teacher"],
                "train": "train",
                "epochs": 3,
                "batch_size": 16,
                "objective": {"kd": {"method": "kd"}},
                "optimizer": {"optimizer": "sgd", "lr": 0.02},
            }
            | (stage or {})
        ],
        "runtime": {"device": "cpu", "checkpoint_interval_s": 3600, **runtime},
        "evaluation": {"latency": False},
        "outputs": {"curves": [], "card": False},
    }


def decide(document: dict[str, Any], folder: Path, root: Path | None) -> Outcome:
    options: list[str | Path] = [] if root is None else ["--cache-root", root]
    return run(document, folder, *options)


def told(outcome: Outcome) -> list[tuple[str, str]]:
    return [(event["mode"], event["reason"]) for event in outcome.of("cache")]


@pytest.mark.parametrize(
    ("view", "stage", "reason"),
    [
        ({"transforms": RANDOM}, {}, "is drawn anew in every epoch; `variants` makes it repeat"),
        ({"transforms": RANDOM, "variants": 3}, {}, "nothing would be read again: 3 epochs of 3 variants"),
        ({"transforms": FIXED}, {"epochs": 1}, "nothing would be read again"),
        ({"transforms": FIXED}, {"cache": {"mode": "off"}}, "the spec says so"),
        ({"transforms": FIXED}, {"mix": {"mixup": 1.0}}, "show new images at every step"),
    ],
)
def test_outputs_that_would_not_come_again_are_not_kept_and_the_reason_is_told(
    view: dict[str, Any], stage: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    outcome = decide(spec(view, stage), tmp_path / "run", tmp_path / "cache")
    assert outcome.code == 0
    ((mode, why),) = told(outcome)
    assert mode == "off"
    assert reason in why


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    assert told(decide(spec({"transforms": FIXED}), tmp_path, None)) == [
        ("off", "no folder is set for it (--cache-root)")
    ]


@pytest.mark.parametrize(
    "view", [{"transforms": FIXED}, {"transforms": RANDOM, "variants": 2}], ids=["fixed", "random"]
)
@pytest.mark.parametrize("drop_last", [False, True])
def test_outputs_are_written_once_and_read_by_the_next_run(
    view: dict[str, Any], drop_last: bool, tmp_path: Path
) -> None:
    document = spec(view, {"drop_last": drop_last})
    first, second = (decide(document, tmp_path / name, tmp_path / "cache") for name in ("first", "second"))
    assert told(first)[0][0] == "write"
    assert told(first)[0][1].startswith(f"written in the first {view.get('variants', 1)} of 3 epochs")
    assert told(second)[0][0] == "read"
    assert told(second)[0][1].startswith("complete, built by run_")
    assert (first.code, second.code) == (0, 0)


def test_a_run_tells_when_others_may_read_what_it_stores_and_its_use_is_written_down(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    first, second = (decide(spec({"transforms": FIXED}), tmp_path / name, root) for name in ("first", "second"))
    assert [mode for mode, _ in told(first)] == ["write", "ready"]
    assert [mode for mode, _ in told(second)] == ["read"]
    [folder] = [path for path in root.iterdir() if path.is_dir()]
    cost = json.loads((folder / "cost.json").read_text())
    assert cost["num_rows"] == 40
    assert cost["seconds"] > 0
    own, other = (json.loads(line) for line in (folder / "usage.jsonl").read_text().splitlines())
    assert (own["num_rows"], own["is_hit"]) == (80, False)
    assert (other["num_rows"], other["is_hit"]) == (120, True)
    assert other["saved_s"] == pytest.approx(120 * cost["seconds"] / 40)


def test_another_view_or_teacher_has_an_entry_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    other = spec({"transforms": FIXED}, seed=1)  # another seed gives another untrained teacher
    seeded = spec({"transforms": RANDOM, "variants": 2, "seed": 1})
    for number, document in enumerate(
        [spec({"transforms": FIXED}), other, spec({"transforms": RANDOM, "variants": 2}), seeded]
    ):
        assert told(decide(document, tmp_path / str(number), root))[0][0] == "write"
    assert len([path for path in root.iterdir() if path.is_dir()]) == 4


@pytest.mark.parametrize("options", [{"format": "fp16"}, {"format": "bf16"}, {"top_k": 3}])
def test_with_a_lossy_format_all_epochs_see_the_stored_values(options: dict[str, Any], tmp_path: Path) -> None:
    exact, *lossy = (
        decide(spec({"transforms": FIXED}, {"cache": chosen}), tmp_path / name, tmp_path / "cache")
        for name, chosen in [("exact", {}), ("first", options), ("second", options)]
    )
    losses = [
        [values["train/loss"] for _, _, values in outcome.metrics() if "train/loss" in values] for outcome in lossy
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)  # written while training, and read from the start
    assert exact.student != lossy[0].student


def test_stored_and_live_outputs_teach_the_same(tmp_path: Path) -> None:
    view = {"transforms": RANDOM, "variants": 2}
    outcomes = [
        decide(spec(view, {"cache": {"mode": mode}, "epochs": 5}), tmp_path / mode, tmp_path / "cache")
        for mode in ("off", "auto")
    ]
    live, stored = (
        [values["train/loss"] for _, _, values in outcome.metrics() if "train/loss" in values] for outcome in outcomes
    )
    assert stored == pytest.approx(live, rel=1e-5)


def test_a_stage_that_insists_on_the_cache_fails_with_the_reason(tmp_path: Path) -> None:
    outcome = run(spec({"transforms": FIXED}, {"cache": {"mode": "on"}}), tmp_path / "run")
    assert outcome.code == 1
    assert outcome.last["reason"] == "cache_unusable"
    assert "--cache-root" in outcome.last["message"]


def test_an_entry_that_is_too_large_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    document = spec({"transforms": FIXED}, {"cache": {"mode": "on"}})
    outcome = run(document, tmp_path / "run", "--cache-root", tmp_path / "cache", "--cache-max-bytes", "100")
    assert outcome.last["reason"] == CacheError.code
    assert "100" in outcome.last["message"]
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


def test_mixing_stored_outputs_equals_mixing_what_the_teacher_says(tmp_path: Path) -> None:
    stage = {"mix": {"mixup": 1.0, "cached_labels": True}, "epochs": 4}
    outcomes = [
        decide(spec({"transforms": FIXED}, stage), tmp_path / name, root)
        for name, root in (("live", None), ("stored", tmp_path / "cache"))
    ]
    assert told(outcomes[1])[0][0] == "write"
    live, stored = (
        [values["train/loss"] for _, _, values in outcome.metrics() if "train/loss" in values] for outcome in outcomes
    )
    assert stored == pytest.approx(live, rel=1e-5)
