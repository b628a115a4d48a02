from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from distill_core.outputs.card import write_card
from distill_core.outputs.loading import write_loading
from distill_core.outputs.samples import take_samples
from tests.distill_core.outputs.models import list_tensors, make_classifier, make_images, make_list, make_tokens
from tests.distill_core.outputs.runs import DIGEST, make_document, make_result

SPEC_DIGEST = "cd" * 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a student, its exports and its card."""
    path = tmp_path_factory.mktemp("results")
    (path / "README.md").write_text(write_card(make_result(make_document(), path), SPEC_DIGEST))
    return path


@pytest.fixture
def card(folder: Path) -> str:
    return (folder / "README.md").read_text()


def _section(card: str, title: str) -> str:
    return re.split(r"^## ", card.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0].strip()


def _table(text: str) -> list[list[str]]:
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def test_the_head_is_what_model_hubs_read(card: str) -> None:
    _, head, _ = card.split("---\n", 2)
    document = yaml.safe_load(head)
    assert document == {
        "library_name": "pytorch",
        "tags": ["knowledge-distillation", "stillhouse", "light_nn", "digits"],
        "metrics": ["accuracy", "nll", "agreement"],
    }


def test_the_card_says_what_the_student_is(card: str) -> None:
    facts = {row[0]: row[1] for row in _table(_section(card, "Model"))[2:]}
    assert facts["model"] == "`light_nn` (num_classes 10, in_channels 1, image_size 8)"
    count = sum(parameter.numel() for parameter in make_classifier().parameters())
    assert facts["parameters"] == f"{count:,}, of which {count:,} not frozen"
    assert facts["input"] == "float32 [B, 1, 8, 8]"
    assert facts["preparation"].startswith("pixels divided by 255; normalize (mean [")
    assert "ms in the median" in facts["time of one sample on CPU (x86_64, AVX2, 1 thread)"]


def test_every_table_has_cells_for_all_its_columns(card: str) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE):
        assert len({len(row) for row in _table(block)}) == 1


def test_the_card_says_who_taught_and_how(card: str) -> None:
    assert _table(_section(card, "Teachers"))[2:] == [["`teacher`", "`resnet8`", f"a file with sha256 `{DIGEST}`"]]
    head, _, row = _table(_section(card, "Training"))
    stage = dict(zip(head, row, strict=True))
    assert (stage["epochs"], stage["batch"], stage["hands on"]) == ("3", "64", "best weights")
    assert stage["objective"].startswith("0.1 `ce`")
    assert " + 0.9 `soft` (method kd, teacher teacher, temperature 2.5" in stage["objective"]
    assert stage["optimizer"].startswith("sgd (lr 0.05, momentum 0.9")
    assert stage["schedule"].startswith("cosine")
    assert "validate_on validation" in _section(card, "Training")


def test_figures_are_named_by_the_samples_they_were_measured_on(card: str) -> None:
    assert _table(_section(card, "Results"))[2:] == [
        ["accuracy", "97.25%", "test samples, stream `test`"],
        ["negative log-likelihood", "0.1235 nats", "test samples, stream `test`"],
        ["agreement with the first teacher of the last stage", "98.50%", "test samples, stream `test`"],
        ["accuracy", "96.00%", "validation samples, stream `validation`"],
    ]


def test_figures_on_the_samples_that_chose_the_weights_are_called_validation() -> None:
    document = make_document()
    document["stages"][0]["validate_on"] = "test"
    card = write_card(make_result(document), SPEC_DIGEST)
    assert [row[0] for row in _table(_section(card, "Results"))].count("accuracy") == 1
    assert "validation samples, stream `test`" in _section(card, "Results")
    assert "by which the weights were chosen" in _section(card, "Limits")


def test_figures_on_training_samples_are_called_so() -> None:
    document = make_document()
    document["data"]["test"] = {"dataset": "digits", "num_samples": 360}
    card = write_card(make_result(document), SPEC_DIGEST)
    assert "training samples, stream `test`" in _section(card, "Results")
    assert "that the run trained on; they say nothing of new ones" in _section(card, "Limits")


def test_samples_that_only_the_teacher_was_trained_on_are_no_test() -> None:
    document = make_document()
    taught = {**document["stages"][0], "name": "teach", "student": "teacher", "teachers": [], "train": "test"}
    document["stages"].insert(0, taught | {"objective": {"ce": {"method": "ce"}}})
    assert "training samples, stream `test`" in _section(write_card(make_result(document), SPEC_DIGEST), "Results")


def test_a_validation_that_chooses_nothing_leaves_the_test_a_test() -> None:
    document = make_document()
    document["stages"][0] |= {"validate_on": "test", "keep": "last"}
    assert "test samples, stream `test`" in _section(write_card(make_result(document), SPEC_DIGEST), "Results")


def test_limits_are_what_the_run_did_not_show(card: str) -> None:
    limits = _section(card, "Limits")
    assert "trained on 1,293 samples of `digits` (split `train`)" in limits
    assert "Calibration was not measured" in limits
    assert "What the weights of the teacher `teacher` had been trained on is not known here" in limits
    assert "one run with seed 3" in limits
    assert "`student.onnx` takes batches of any size" in limits


def test_measured_calibration_is_told_in_its_place() -> None:
    result = make_result(make_document())
    figures = {**result.figures, "test/ece": 0.0312}
    limits = _section(write_card(make_result(make_document(), figures=figures), SPEC_DIGEST), "Limits")
    assert "off by 3.12% in the mean" in limits
    assert "not measured: its probabilities" not in limits


def test_an_untrained_teacher_and_a_student_without_one_are_told() -> None:
    document = make_document()
    del document["models"]["teacher"]["weights"]
    result = make_result(document)
    untrained = make_result(document, facts={**result.facts, "weights": {}})
    assert "`teacher` was untrained" in _section(write_card(untrained, SPEC_DIGEST), "Limits")
    del document["models"]["teacher"]
    document["stages"][0] |= {"teachers": [], "objective": {"ce": {"method": "ce"}}}
    document["evaluation"]["metrics"] = ["accuracy"]
    alone = write_card(make_result(document), SPEC_DIGEST)
    assert "trained without a teacher on `digits`" in alone
    assert _section(alone, "Teachers") == "None."
    assert "knowledge-distillation" not in alone


def test_a_teacher_of_an_earlier_stage_is_named_with_it() -> None:
    document = make_document()
    del document["models"]["teacher"]["weights"]
    taught = {**document["stages"][0], "name": "teach", "student": "teacher", "teachers": []}
    document["stages"].insert(0, taught | {"objective": {"ce": {"method": "ce"}}})
    result = make_result(document)
    card = write_card(make_result(document, facts={**result.facts, "weights": {}}), SPEC_DIGEST)
    assert _table(_section(card, "Teachers"))[2][2] == "trained in stage `teach`"


def test_provenance_names_spec_seed_and_versions(card: str) -> None:
    provenance = _section(card, "Provenance")
    assert f"sha256 `{SPEC_DIGEST}`" in provenance
    assert "seed: 3, deterministic" in provenance
    assert "python 3.11.7, torch 2.15.0" in provenance
    assert "elapsed_s 12.5" in provenance


def test_the_lines_of_the_card_load_the_student_and_its_exports(
    folder: Path, card: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    blocks = re.findall(r"```python\n(.*?)```", _section(card, "How to load it"), re.DOTALL)
    assert [len(block.splitlines()) for block in blocks] == [4, 3, 3]
    for block in blocks:
        names: dict[str, Any] = {}
        exec(block, names)  # noqa: S102  what the card tells people to run
        outputs = names["outputs"]
        assert tuple((outputs[0] if isinstance(outputs, list) else outputs).shape) == (1, 10)


@pytest.mark.parametrize("inputs", [make_images(), make_tokens(), make_list()])
def test_the_lines_call_the_model_as_its_inputs_ask_for(inputs: Any) -> None:
    call = write_loading(inputs).splitlines()[-1].removeprefix("outputs = ")
    received: dict[str, Any] = {}

    def model(*arguments: Any, **named: Any) -> None:
        received["inputs"] = named or arguments[0]

    exec(call, {"torch": torch, "model": model})  # noqa: S102  our own text
    one, found = take_samples(inputs, 1), received["inputs"]
    assert type(found) is type(one)
    assert [tensor.shape for tensor in list_tensors(found)] == [tensor.shape for tensor in list_tensors(one)]


def test_a_name_of_several_lines_cannot_break_the_page() -> None:
    card = write_card(make_result(make_document() | {"name": "a\n## b\n---\nc"}), SPEC_DIGEST)
    assert "\n# a ## b --- c\n" in card
