"""Batches of any shape through whole runs: named tensors, lists of images with targets, several views, no labels."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core import catalog
from distill_core.engine.context import Context
from distill_core.engine.events import EventLog
from distill_core.engine.models import build_models
from distill_core.engine.run import Sources
from distill_core.engine.run import run as run_engine
from distill_core.engine.stores import Cache
from distill_core.errors import SpecError, Stopped
from distill_core.spec import resolve
from distill_core.spec.catalog import Catalog
from tests.distill_core.engine.toys import Toy, registered
from tests.distill_core.experiments import Outcome, StopAfter

States = dict[str, dict[str, Tensor]]


@pytest.fixture(scope="module")
def toys() -> Iterator[Catalog]:
    """The catalog with the toys in it."""
    with registered():
        documents = {path.stem: json.loads(text) for path, text in catalog._render().items()}
        yield Catalog.model_validate(documents)


def document_of(model: str, dataset: str, objective: dict[str, Any], **stage: Any) -> dict[str, Any]:
    """Return a spec of one stage, in which a wide model teaches a narrow one."""
    return {
        "version": 1,
        "name": f"{model} on {dataset}",
        "models": {
            "teacher": {"model": model, "params": {"width": 16}},
            "student": {"model": model, "params": {"width": 8}},
        },
        "data": {"train": {"dataset": dataset}, "test": {"dataset": dataset, "split": "test"}},
        "stages": [
            {
                "name": "distil",
                "student": "student",
                "teachers": ["teacher"],
                "train": "train",
                "epochs": 1,
                "batch_size": 4,
                "objective": objective,
                "optimizer": {"optimizer": "adam", "lr": 0.01},
                **stage,
            }
        ],
        "runtime": {"device": "cpu", "loader_workers": 0, "log_interval_steps": 1, "checkpoint_interval_s": 3600},
        "evaluation": {"latency": False},
    }


@dataclass(frozen=True)
class Run:
    """A finished run, and its models before and after it."""

    outcome: Outcome
    before: States
    models: dict[str, nn.Module]

    def losses(self) -> list[float]:
        values = [values for _, _, values in self.outcome.metrics()]
        return [each[name] for each in values for name in each if name.startswith("train/") and name != "train/lr"]

    def check(self) -> None:
        """Check what every run must leave behind."""
        assert len(self.losses()) >= NUM_STEPS
        assert all(map(math.isfinite, self.losses()))
        for name, model in self.models.items():
            changed = [key for key, tensor in model.state_dict().items() if not tensor.equal(self.before[name][key])]
            assert bool(changed) == (name == "student")
            assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
            assert not model.training
            assert all(parameter.requires_grad for parameter in model.parameters())


NUM_STEPS = 3
NORMALIZE = {"transform": "normalize"}


def run(document: dict[str, Any], toys: Catalog, folder: Path, *stops: int, cache: Path | None = None) -> Run:
    """Run a spec, stopping and going on after so many boundaries."""
    spec, checkpoint, outcome = resolve(json.loads(json.dumps(document)), toys), None, Outcome(folder, 0)
    cast = build_models(spec, {}, None, torch.device("cpu"))
    before = {name: model.state_dict() for name, model in cast.models.items()}
    for count in (*stops, 10_000):
        Toy.built.clear()
        with EventLog(folder / "events.jsonl") as events:
            context = Context(folder, events, StopAfter(count), spec.runtime)
            try:
                run_engine(spec, Sources(folder, checkpoint=checkpoint, cache=Cache(cache)), context)
            except Stopped:
                checkpoint = outcome.newest_checkpoint
    return Run(outcome, before, dict(zip(spec.models, Toy.built, strict=True)))


def run_twice(document: dict[str, Any], toys: Catalog, folder: Path) -> Run:
    """Run a spec straight through, and stopped twice, with the same end."""
    straight = run(document, toys, folder / "straight")
    straight.check()
    resumed = run(document, toys, folder / "resumed", 1, 1)
    resumed.check()
    assert resumed.outcome.student == straight.outcome.student
    assert resumed.outcome.metrics() == straight.outcome.metrics()
    return straight


def refuse(document: dict[str, Any], toys: Catalog, folder: Path) -> dict[str, str]:
    """Return the problems of a spec that does not run, by their places."""
    with pytest.raises(SpecError) as caught:
        run(document, toys, folder)
    return {problem.pointer: problem.message for problem in caught.value.problems}


def shown_by(stream: dict[str, Any], **views: list[dict[str, Any]]) -> dict[str, Any]:
    return stream | {"views": {name: {"transforms": transforms} for name, transforms in views.items()}}


HIDDEN = {"of": "student", "key": "hidden_states.1"}
READING = {
    "ce": {"method": "ce"},
    "kd": {"method": "kd"},
    "hidden": {
        "method": "loss",
        "params": {
            "input": HIDDEN,
            "target": HIDDEN | {"of": "teacher"},
            "input_steps": [{"reshape": "flatten"}],
            "target_steps": [{"reshape": "flatten"}, {"reshape": "pool_vector", "window": 2}],
        },
    },
}


def test_named_tensors_train_a_model_of_named_tensors(toys: Catalog, tmp_path: Path) -> None:
    document = document_of("toy_reader", "words", READING, validate_on="test", keep="best")
    document["evaluation"] |= {"stream": "test", "metrics": ["accuracy", "nll", "ece", "agreement"]}
    outcome = run_twice(document, toys, tmp_path).outcome
    assert {"train/ce", "train/kd", "train/hidden"} <= set(outcome.metrics()[0][2])
    assert {"test/accuracy", "test/agreement", "cost/flops"} <= set(outcome.of("evaluated")[0]["values"])
    card = (outcome.folder / "artifacts/README.md").read_text()
    assert "`input_ids` int64 [B, 6]" in card
    assert "pixels" not in card


def test_what_a_teacher_says_to_named_tensors_is_kept_and_read_again(toys: Catalog, tmp_path: Path) -> None:
    document = document_of("toy_reader", "words", READING, epochs=3)
    live = run(document, toys, tmp_path / "live")
    kept = run(document, toys, tmp_path / "kept", cache=tmp_path / "cache")
    assert [event["mode"] for event in kept.outcome.of("cache")] == ["write", "ready"]
    assert kept.losses() == pytest.approx(live.losses(), rel=1e-5)


def test_a_stream_without_any_classes_teaches_by_the_teacher_alone(toys: Catalog, tmp_path: Path) -> None:
    objective = {"kd": READING["kd"], "hidden": READING["hidden"]}
    document = document_of("toy_reader", "murmurs", objective, validate_on="test", keep="best", select_by="loss")
    for model in document["models"].values():
        model["params"]["num_classes"] = 3
    document["evaluation"] |= {"stream": "test", "metrics": ["agreement"]}
    outcome = run_twice(document, toys, tmp_path).outcome
    assert "test/agreement" in outcome.of("evaluated")[0]["values"]
    assert "val/loss" in {name for _, _, values in outcome.metrics() for name in values}


DETECTING = {
    "own": {"method": "own_losses"},
    "maps": {
        "method": "loss",
        "params": {
            "input": {"of": "student", "path": "maps", "key": "0"},
            "target": {"of": "teacher", "path": "maps", "key": "0"},
            "input_steps": [{"reshape": "pool"}],
            "target_steps": [{"reshape": "pool"}, {"reshape": "pool_vector", "window": 2}],
        },
    },
}


def detection(dataset: str, **stage: Any) -> dict[str, Any]:
    document = document_of("toy_detector", dataset, DETECTING, **stage)
    document["data"] = {name: shown_by(stream, main=[]) for name, stream in document["data"].items()}
    return document


@pytest.mark.parametrize("dataset", ["scenes", "squares"])
def test_images_with_boxes_train_a_detector_by_its_own_losses(dataset: str, toys: Catalog, tmp_path: Path) -> None:
    document = detection(dataset, validate_on="test", keep="best", select_by="loss", epochs=2)
    outcome = run_twice(document, toys, tmp_path).outcome
    assert {"train/own/loss_classifier", "train/own/loss_rpn_box_reg", "train/maps"} <= set(outcome.metrics()[0][2])
    assert [math.isfinite(values["val/loss"]) for _, _, values in outcome.metrics() if "val/loss" in values] == [
        True
    ] * 2


def test_views_of_images_with_boxes_go_through_a_detector_one_by_one(toys: Catalog, tmp_path: Path) -> None:
    document = detection("squares")
    views = {"main": [], "dim": [{"transform": "color_jitter", "brightness": 0.5}]}
    document["data"]["train"] = shown_by(document["data"]["train"], **views)
    document["stages"][0]["objective"] = DETECTING | {"dim": {"method": "own_losses", "view": "dim"}}
    played = run(document, toys, tmp_path)
    played.check()
    assert int(played.models["student"].state_dict()["network.backbone.body.1.num_batches_tracked"]) == 2 * NUM_STEPS


def test_validating_a_detector_by_its_loss_leaves_its_training_as_it_is(toys: Catalog, tmp_path: Path) -> None:
    plain = run(detection("scenes", epochs=2), toys, tmp_path / "plain")
    judged = run(detection("scenes", epochs=2, validate_on="test", select_by="loss"), toys, tmp_path / "judged")
    assert judged.outcome.student == plain.outcome.student


@pytest.mark.parametrize(("dataset", "mode"), [("scenes", "off"), ("squares", "write")])
def test_maps_of_a_detector_are_kept_where_the_images_have_one_size(
    dataset: str, mode: str, toys: Catalog, tmp_path: Path
) -> None:
    played = run(detection(dataset, epochs=2), toys, tmp_path, cache=tmp_path / "cache")
    played.check()
    event = played.outcome.of("cache")[0]
    assert event["mode"] == mode
    assert ("unequal sizes" in event["reason"]) == (mode == "off")


def test_a_teacher_whose_answers_depend_on_the_batch_is_not_kept(toys: Catalog, tmp_path: Path) -> None:
    document = document_of("toy_gossip", "colours", {"kd": {"method": "kd"}}, epochs=2)
    played = run(document, toys, tmp_path, cache=tmp_path / "cache")
    (event,) = played.outcome.of("cache")
    assert (event["mode"], event["reason"]) == (
        "off",
        "what 'teacher' says to a sample depends on the other samples of the batch",
    )


def test_two_views_and_a_derived_one_go_through_each_model_together(toys: Catalog, tmp_path: Path) -> None:
    objective = {
        "ce": {"method": "ce"},
        "kd": {"method": "kd"},
        "kd_strong": {"method": "kd", "view": "strong"},
        "rotations": {"method": "rotations"},
    }
    document = document_of("toy_seer", "colours", objective, validate_on="test", keep="best", select_by="loss")
    crop = {"transform": "random_crop", "padding": 1}
    data = document["data"]
    data["train"] = shown_by(data["train"], weak=[NORMALIZE], strong=[crop, NORMALIZE])
    played = run_twice(document, toys, tmp_path)
    assert {f"train/{name}" for name in objective} <= set(played.outcome.metrics()[0][2])
    assert int(played.models["student"].state_dict()["body.1.num_batches_tracked"]) == NUM_STEPS


UNLABELLED = {"dataset": "colours", "params": {"unlabelled": True}}


def test_an_unlabelled_stream_beside_a_labelled_one_teaches_by_the_teacher(toys: Catalog, tmp_path: Path) -> None:
    objective = {"ce": {"method": "ce"}, "kd": {"method": "kd", "stream": "wild"}}
    document = document_of("toy_seer", "colours", objective, further={"wild": 6}, validate_on="test", keep="best")
    document["stages"][0]["select_by"] = "loss"
    document["data"]["wild"] = shown_by(UNLABELLED, wild=[{"transform": "random_crop", "padding": 1}, NORMALIZE])
    document["evaluation"] |= {"stream": "test"}
    run_twice(document, toys, tmp_path)


def test_a_stage_without_labels_learns_from_the_teacher_alone(toys: Catalog, tmp_path: Path) -> None:
    document = document_of("toy_seer", "colours", {"kd": {"method": "kd"}})
    document["data"]["train"] = UNLABELLED
    run_twice(document, toys, tmp_path)


def test_tokens_inside_vision_transformers_are_hints(toys: Catalog, tmp_path: Path) -> None:
    objective = {"ce": {"method": "ce"}, "kd": {"method": "kd"}, "hint": {"method": "fitnet"}}
    document = document_of("toy_vit", "colours", objective, epochs=2)
    played = run(document, toys, tmp_path, cache=tmp_path / "cache")
    played.check()
    assert "train/hint" in played.outcome.metrics()[0][2]
    assert played.outcome.of("cache")[0]["mode"] == "write"


def test_figures_that_need_classes_are_refused_where_a_stream_says_that_it_has_none(
    toys: Catalog, tmp_path: Path
) -> None:
    stop = {"metric": "nll"}
    document = document_of(
        "toy_seer", "colours", {"kd": {"method": "kd"}}, validate_on="test", keep="best", early_stop=stop
    )
    document["data"]["test"] = UNLABELLED | {"split": "test"}
    document["evaluation"] |= {"stream": "test"}
    problems = refuse(document, toys, tmp_path)
    assert set(problems) == {"/stages/0/select_by", "/stages/0/early_stop/metric", "/evaluation/metrics"}
    assert problems["/evaluation/metrics"].startswith("accuracy, nll compares guesses with classes")
    assert not (tmp_path / "events.jsonl").exists()


def test_figures_that_need_classes_are_refused_before_training_where_only_the_samples_tell(
    toys: Catalog, tmp_path: Path
) -> None:
    document = detection("scenes", validate_on="test", keep="best")
    document["evaluation"] |= {"stream": "test", "metrics": ["agreement"]}
    assert set(refuse(document, toys, tmp_path)) == {"/stages/0/select_by", "/evaluation/metrics"}
    assert Outcome(tmp_path, 0).events == []


def test_classes_that_no_data_tells_have_to_be_written_out(toys: Catalog, tmp_path: Path) -> None:
    document = document_of("toy_reader", "murmurs", {"kd": READING["kd"]})
    assert set(refuse(document, toys, tmp_path)) == {
        f"/models/{name}/params/num_classes" for name in ("teacher", "student")
    }


def test_a_loss_that_needs_labels_is_not_measured_on_a_stream_without_any(toys: Catalog, tmp_path: Path) -> None:
    objective = {"ce": {"method": "ce"}}
    document = document_of("toy_seer", "colours", objective, validate_on="test", keep="best", select_by="loss")
    document["data"]["test"] = UNLABELLED | {"split": "test"}
    assert "term 'ce' needs labels" in refuse(document, toys, tmp_path)["/stages/0/validate_on"]
