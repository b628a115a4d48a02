from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from distill_core.files import hash_file
from tests.distill_core.experiments import Outcome, distillation, run, supervised


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    outcome = run(distillation(), tmp_path_factory.mktemp("finished"))
    assert outcome.code == 0
    return outcome


def test_events_tell_the_run_in_order(finished: Outcome) -> None:
    kinds = [event["type"] for event in finished.events if event["type"] not in ("metrics", "progress")]
    stages = ["stage_started", "checkpoint", "stage_started", "cache", "checkpoint"]
    assert kinds == ["run_started", *stages, "evaluated", *["artifact"] * 7, "succeeded"]
    started = finished.of("run_started")[0]
    assert started["stages"] == ["teach", "distil"]
    assert (started["total_steps"], started["total_epochs"], started["resumed_from_step"]) == (20, 5, None)
    assert [event["steps_per_epoch"] for event in finished.of("stage_started")] == [4, 4]


def test_metrics_come_at_the_interval_and_at_the_end_of_each_epoch(finished: Outcome) -> None:
    steps = [step for _, step, values in finished.metrics() if "train/loss" in values]
    assert steps == sorted({step for step in range(1, 21) if step % 3 == 0 or step % 4 == 0})
    epochs = [event["epoch"] for event in finished.of("metrics") if "val/accuracy" in event["values"]]
    assert epochs == [1, 2, 3, 4, 5]


def test_terms_are_logged_unweighted_and_their_weighted_sum_is_the_loss(finished: Outcome) -> None:
    distilled = [values for stage, _, values in finished.metrics() if stage == "distil" and "train/loss" in values]
    for values in distilled:
        assert values["train/loss"] == pytest.approx(0.5 * values["train/ce"] + 0.5 * values["train/kd"])
    assert [values["train/lr"] for values in distilled] == sorted(
        (values["train/lr"] for values in distilled), reverse=True
    )


def test_progress_ends_at_the_last_step(finished: Outcome) -> None:
    assert finished.of("progress")[-1]["step"] == 20


def test_artifacts_are_what_their_events_say(finished: Outcome) -> None:
    artifacts = {event["kind"]: event for event in finished.of("artifact")}
    assert set(artifacts) == {"student", "manifest", "metrics", "evaluation", "spec", "curves", "card"}
    for event in artifacts.values():
        path = finished.folder / event["path"]
        assert (event["name"], event["size"], event["sha256"]) == (path.name, path.stat().st_size, hash_file(path))


def test_figures_are_the_same_in_event_metrics_and_success(finished: Outcome) -> None:
    figures = finished.last["figures"]
    assert set(figures) == {
        "test/accuracy",
        "test/nll",
        "test/ece",
        "test/agreement",
        "cost/params",
        "cost/trainable_params",
        "cost/flops",
        "cost/size_bytes",
    }
    assert figures == finished.of("evaluated")[0]["values"] == finished.of("metrics")[-1]["values"]
    document = json.loads((finished.folder / "artifacts/metrics.json").read_text())
    assert document["figures"] == figures
    assert len(document["history"]["train/loss"]) == 10


def test_student_and_teacher_are_compared_as_the_figures_say(finished: Outcome) -> None:
    found = json.loads((finished.folder / "artifacts/evaluation.json").read_text())
    figures = finished.last["figures"]
    assert (found["stream"], found["num_samples"], found["num_classes"]) == ("test", 100, 10)
    assert found["student"]["accuracy"] == figures["test/accuracy"]
    assert found["student"]["ece"] == pytest.approx(figures["test/ece"], abs=1e-6)
    assert found["agreement"]["ratio"] == figures["test/agreement"]
    assert (found["student"]["name"], found["teacher"]["name"]) == ("student", "teacher")
    taught = [
        values["val/accuracy"] for stage, _, values in finished.metrics() if stage == "teach" and "val/nll" in values
    ]
    assert found["teacher"]["accuracy"] == taught[-1]


def test_validation_follows_the_agreement_where_there_is_a_teacher(finished: Outcome) -> None:
    validated = [(stage, values) for stage, _, values in finished.metrics() if "val/nll" in values]
    assert ["val/agreement" in values for _, values in validated] == [stage == "distil" for stage, _ in validated]
    kept = max((values for stage, values in validated if stage == "distil"), key=lambda values: values["val/accuracy"])
    assert kept["val/agreement"] == finished.last["figures"]["test/agreement"]


def test_shares_of_the_terms_are_those_of_the_weighted_sum(finished: Outcome) -> None:
    reports = [(stage, values) for stage, _, values in finished.metrics() if "train/loss" in values]
    for stage, values in reports:
        if stage == "distil":
            assert values["share/ce"] == pytest.approx(0.5 * values["train/ce"] / values["train/loss"])
            assert values["share/ce"] + values["share/kd"] == pytest.approx(1)
        else:
            assert "share/ce" not in values


def test_the_student_that_is_kept_is_the_best_of_its_stage(finished: Outcome) -> None:
    history = json.loads((finished.folder / "artifacts/metrics.json").read_text())["history"]
    assert finished.last["figures"]["test/accuracy"] == max(
        value for step, value in history["val/accuracy"] if step > 8
    )


def test_the_manifest_says_what_was_run_on_what(finished: Outcome) -> None:
    manifest = json.loads((finished.folder / "artifacts/manifest.json").read_text())
    assert manifest["spec"]["stages"][1]["train"] == "train"
    assert manifest["seeds"]["run"] == 0
    assert {"python", "torch", "stillhouse"} <= set(manifest["versions"])
    assert manifest["data"]["train"]["num_samples"] == 200
    assert len(manifest["data"]["train"]["sha256"]) == 64
    assert manifest["hardware"]["device"] == "cpu"
    assert manifest["outputs"]["student.safetensors"]["sha256"] == hash_file(
        finished.folder / "artifacts/student.safetensors"
    )


def test_the_same_spec_and_seed_give_the_same_student_byte_for_byte(finished: Outcome, tmp_path: Path) -> None:
    again = run(distillation(), tmp_path / "elsewhere")
    assert again.student == finished.student
    assert again.metrics() == finished.metrics()


def test_another_seed_gives_another_student(finished: Outcome, tmp_path: Path) -> None:
    runtime = distillation()["runtime"] | {"seed": 1}
    assert run(distillation(runtime=runtime), tmp_path).student != finished.student


def test_a_control_begins_with_the_same_weights_as_the_student_that_is_taught(tmp_path: Path) -> None:
    """What a model starts from depends on the seed and its name, not on the models beside it."""
    control = distillation()
    control["stages"][1] |= {"teachers": [], "objective": {"ce": {"method": "ce"}}, "keep": "last", "epochs": 1}
    control["evaluation"]["metrics"] = ["accuracy"]
    alone = json.loads(json.dumps(control))
    del alone["models"]["teacher"]
    alone["stages"] = [alone["stages"][0] | alone["stages"][1]]
    first = run(control, tmp_path / "control").metrics()
    losses = [values["train/ce"] for stage, _, values in first if stage == "distil" and "train/ce" in values]
    second = run(alone, tmp_path / "alone").metrics()
    # The order of samples belongs to the stage, so only the level of the first loss is the same, not its digits.
    assert abs(losses[0] - second[0][2]["train/ce"]) < 0.1


def test_distillation_from_the_artifact_of_an_earlier_run(tmp_path: Path) -> None:
    teacher = run(supervised(), tmp_path / "teacher")
    artifact = "art_01J9ZQ4Y0000000000000000AB"
    path = teacher.folder / "artifacts/student.safetensors"
    inputs = tmp_path / "inputs.json"
    inputs.write_text(json.dumps({artifact: {"path": str(path), "sha256": hash_file(path)}}))
    document = distillation()
    document["stages"] = [document["stages"][0] | document["stages"][1]]
    document["models"]["teacher"]["weights"] = {"artifact": artifact}
    before = path.read_bytes()
    outcome = run(document, tmp_path / "student", "--inputs", inputs)
    assert outcome.code == 0
    assert path.read_bytes() == before
    assert not outcome.of("warning")
    manifest = json.loads((outcome.folder / "artifacts/manifest.json").read_text())
    assert manifest["weights"] == {"teacher": hash_file(path)}


def test_a_teacher_without_weights_is_warned_of(tmp_path: Path) -> None:
    document = distillation()
    document["stages"] = [document["stages"][0] | document["stages"][1] | {"epochs": 1}]
    outcome = run(document, tmp_path)
    assert [event["code"] for event in outcome.of("warning")] == ["teacher_untrained"]


def test_a_spec_that_evaluates_nothing_still_has_costs(tmp_path: Path) -> None:
    document = supervised(evaluation={"latency": True})
    document["stages"][0] |= {"validate_on": None, "epochs": 1}
    figures = run(document, tmp_path).last["figures"]
    assert {"cost/params", "cost/flops", "cost/size_bytes", "cost/latency_ms"} <= set(figures)
    assert all(name.startswith("cost/") for name in figures)
    assert figures["cost/params"] == 86_250
    assert 0 < figures["cost/latency_ms"] < 1000


def test_a_run_that_diverges_fails_with_term_and_step(tmp_path: Path) -> None:
    document = supervised()
    document["stages"][0]["optimizer"] = {"optimizer": "sgd", "lr": 1000.0, "momentum": 0.99}
    document["stages"][0]["epochs"] = 40
    document["stages"][0]["objective"]["ce"]["weight"] = 1e6
    outcome = run(document, tmp_path)
    assert outcome.code == 1
    assert outcome.last["type"] == "failed"
    assert (outcome.last["reason"], outcome.last["code"]) == ("nan_loss", "nan_loss")
    assert "'ce' became" in outcome.last["message"]
    assert "in step" in outcome.last["message"]
    values = [value for _, _, values in outcome.metrics() for value in values.values() if isinstance(value, float)]
    assert all(map(math.isfinite, values))


def test_a_missing_data_set_fails_with_what_to_do(tmp_path: Path) -> None:
    document = supervised()
    document["data"] = {name: {"dataset": "mnist", "split": name} for name in ("train", "test")}
    outcome = run(document, tmp_path)
    assert (outcome.code, outcome.last["reason"]) == (1, "data_missing")
    assert str(tmp_path / "data/MNIST/raw") in outcome.last["message"]


def test_a_broken_weight_file_fails_with_its_reason(tmp_path: Path) -> None:
    document = supervised()
    document["models"]["teacher"]["weights"] = {"file": "broken.safetensors"}
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    outcome = run(document, tmp_path, "--weights-root", tmp_path)
    assert (outcome.code, outcome.last["reason"]) == (1, "weights_invalid")
    assert "not a readable safetensors file" in outcome.last["message"]


def test_a_bad_spec_fails_with_every_problem(tmp_path: Path) -> None:
    document = supervised()
    document["models"]["teacher"]["model"] = "resnt8"
    document["stages"][0]["epochs"] = 0
    outcome = run(document, tmp_path)
    assert (outcome.code, outcome.last["reason"]) == (1, "spec_rejected_at_start")
    pointers = {problem["pointer"] for problem in outcome.last["problems"]}
    assert pointers >= {"/models/teacher/model", "/stages/0/epochs"}


def test_a_run_over_its_time_limit_fails_and_can_be_taken_up(tmp_path: Path) -> None:
    document = supervised()
    document["runtime"] |= {"time_limit_s": 1e-6}
    outcome = run(document, tmp_path)
    assert (outcome.code, outcome.last["reason"]) == (1, "max_runtime")
    assert outcome.newest_checkpoint.name == "step-00000000.pt"
