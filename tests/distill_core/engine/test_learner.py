from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from distill_core.engine.carry import Carry
from tests.distill_core.engine.stages import Ground, document
from tests.distill_core.experiments import Outcome, run

CE = {"teachers": [], "objective": {"ce": {"method": "ce"}}}


def train(folder: Path, stage: dict[str, Any], **changes: Any) -> Carry:
    return Ground.of(document(stage, **changes), folder).run()


def weights_of(carry: Carry) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in carry.models["student"].parameters()])


def start(stage: dict[str, Any], folder: Path, **changes: Any) -> Outcome:
    return run(document(stage, **changes), folder)


def test_a_step_in_parts_is_the_step_as_a_whole(tmp_path: Path) -> None:
    # The last layer alone learns, before which neither BatchNorm's statistics nor dropout tell parts from the whole.
    stage = {"trainable": ["logits"], "frozen": ["stem", "stage1", "stage2", "stage3"], "batch_size": 20}
    whole = weights_of(train(tmp_path / "whole", stage))
    parts = weights_of(train(tmp_path / "parts", stage | {"accumulate": 4}))
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)
    assert not parts.equal(weights_of(train(tmp_path / "other", stage | {"batch_size": 5})))


def test_a_running_mean_of_weights_is_validated_and_handed_on(tmp_path: Path) -> None:
    stage = CE | {"epochs": 3, "validate_on": "validation"}
    last = train(tmp_path / "last", stage)
    averaged = train(tmp_path / "averaged", stage | {"ema": {"decay": 0.9, "warmup": False}})
    initial = weights_of(Ground.of(document(stage), tmp_path / "initial").carry)
    assert torch.dist(weights_of(averaged), initial) < 0.9 * torch.dist(weights_of(last), initial)
    assert averaged.figures["first"]["nll"] != last.figures["first"]["nll"]


def test_a_gradient_is_limited_before_the_step(tmp_path: Path) -> None:
    stage = CE | {"epochs": 1, "batch_size": 40, "optimizer": {"optimizer": "sgd", "lr": 1.0}}
    initial = weights_of(Ground.of(document(stage), tmp_path / "initial").carry)
    for limit in (0.1, 0.01):
        moved = weights_of(train(tmp_path / str(limit), stage | {"clip": {"norm": limit}}))
        assert torch.dist(moved, initial).item() == pytest.approx(limit, rel=1e-3)


def test_a_stage_ends_when_validation_stands_still_and_the_next_one_goes_on_behind_it(tmp_path: Path) -> None:
    stuck = CE | {
        "epochs": 9,
        "validate_on": "validation",
        "early_stop": {"metric": "nll", "patience": 2, "min_delta": 100.0},
    }
    spec = document(stuck, {"name": "second", "epochs": 2, "early_stop": {"metric": "nll", "patience": 99}})
    outcome = run(spec, tmp_path)
    assert outcome.code == 0
    epochs = [event["epoch"] for event in outcome.of("metrics") if "val/nll" in event["values"]]
    assert epochs == [1, 2, 3, 10, 11]


@pytest.mark.parametrize(("select_by", "rises"), [("accuracy", True), ("nll", False), ("loss", False)])
def test_the_best_weights_are_those_of_the_best_validation(select_by: str, rises: bool, tmp_path: Path) -> None:
    stage = CE | {"epochs": 4, "validate_on": "validation", "keep": "best", "select_by": select_by}
    stage |= {"optimizer": {"optimizer": "sgd", "lr": 0.3, "momentum": 0.9}}
    outcome = start(stage, tmp_path)
    figures = [event["values"][f"val/{select_by}"] for event in outcome.of("metrics") if "val/nll" in event["values"]]
    manifest = (outcome.folder / "artifacts/manifest.json").read_text()
    best = max(figures) if rises else min(figures)
    assert f'"{select_by}": {best}' in manifest


def test_a_hint_stage_selects_by_its_own_objective(tmp_path: Path) -> None:
    stage = {
        "objective": {"hint": {"method": "fitnet"}},
        "validate_on": "validation",
        "keep": "best",
        "select_by": "loss",
        "epochs": 3,
    }
    outcome = start(stage, tmp_path)
    losses = [event["values"]["val/loss"] for event in outcome.of("metrics") if "val/loss" in event["values"]]
    assert len(losses) == 3
    manifest = (outcome.folder / "artifacts/manifest.json").read_text()
    assert f'"loss": {min(losses)}' in manifest


@pytest.mark.parametrize("precision", ["bf16", "fp16", "fp64"])
def test_every_number_format_learns_what_single_precision_learns(precision: str, tmp_path: Path) -> None:
    losses = {}
    for name in ("fp32", precision):
        runtime = {"device": "cpu", "precision": name, "checkpoint_interval_s": 3600}
        outcome = start(CE | {"epochs": 3}, tmp_path / name, runtime=runtime)
        assert outcome.code == 0
        losses[name] = [values["train/loss"] for _, _, values in outcome.metrics() if "train/loss" in values]
    assert losses[precision] == pytest.approx(losses["fp32"], rel=0.1)
    assert (losses[precision] == losses["fp32"]) is False


def test_images_with_their_channels_last_learn_the_same(tmp_path: Path) -> None:
    runtime = {"device": "cpu", "memory_format": "channels_last"}
    plain = weights_of(train(tmp_path / "plain", CE))
    torch.testing.assert_close(weights_of(train(tmp_path / "last", CE, runtime=runtime)), plain, rtol=1e-3, atol=1e-4)


def test_a_scheduled_weight_is_logged_beside_the_unweighted_term(tmp_path: Path) -> None:
    terms = {"ce": {"method": "ce"}, "kd": {"method": "kd", "weight": {"schedule": "ramp", "over": 1}}}
    outcome = start({"objective": terms}, tmp_path)
    reports = [values for _, _, values in outcome.metrics() if "train/loss" in values]
    assert [values["weight/kd"] for values in reports] == pytest.approx([2 / 3, 1.0])
    assert reports[-1]["train/loss"] == pytest.approx(reports[-1]["train/ce"] + reports[-1]["train/kd"])


def test_parts_of_the_student_may_learn_at_rates_of_their_own(tmp_path: Path) -> None:
    optimizer = {"optimizer": "sgd", "lr": 0.02, "groups": [{"paths": ["stem"], "lr": 0.0}]}
    carry = train(tmp_path, CE | {"optimizer": optimizer})
    initial = Ground.of(document(CE), tmp_path / "initial").carry.models["student"]
    student = carry.models["student"]
    assert student.get_parameter("stem.conv.weight").equal(initial.get_parameter("stem.conv.weight"))
    assert not student.get_parameter("classifier.weight").equal(initial.get_parameter("classifier.weight"))


def test_a_compiled_stage_learns_what_an_eager_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The same graph without the generation of its code, which takes a minute on the CPU.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    terms = {"ce": {"method": "ce"}, "kd": {"method": "kd", "weight": {"schedule": "ramp", "over": 2}}}
    stage = {"objective": terms, "batch_size": 20, "epochs": 2}
    eager = weights_of(train(tmp_path / "eager", stage))
    compiled = weights_of(train(tmp_path / "compiled", stage, runtime={"device": "cpu", "compile": True}))
    torch.testing.assert_close(compiled, eager, rtol=1e-3, atol=1e-4)
