"""From torchdistill's files to specs: what is said is carried over, and what is not is told."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from distill_core.errors import SpecError
from distill_core.spec import check
from stillhouse.torchdistill import Imported, convert
from stillhouse.torchdistill.convert import translate
from stillhouse.torchdistill.document import Document, read_document

FILES = sorted((Path(__file__).parents[1] / "data" / "torchdistill").glob("*.yaml"))
WHOLE = {"at", "crd", "fitnet", "ft", "kd", "kr"}
"""Of ImageNet: the others name models, data or code that are none of ours."""


ALIASES = (
    "a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\n"
    "e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e]"
)


def _read(name: str) -> Imported:
    [path] = [path for path in FILES if path.stem == name]
    return convert(path.read_bytes(), name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_whole_or_says_what_it_lacks(path: Path) -> None:
    found = convert(path.read_bytes(), path.stem)
    data, _, method = path.stem.partition("-")
    assert found.is_whole is (data == "ilsvrc2012" and method in WHOLE)
    assert found.is_whole is (not found.losses)
    assert (check(found.spec) == []) is found.is_whole
    lines = path.read_text().splitlines()
    assert all(0 < remark.line <= len(lines) for remark in (*found.losses, *found.notes))


def test_knowledge_distillation_is_two_terms() -> None:
    spec = _read("cifar10-kd").spec
    [stage] = spec["stages"]
    assert stage["objective"] == {
        "ce": {"method": "ce", "weight": 0.9},
        "kd": {"method": "kd", "weight": 0.1, "params": {"temperature": 4.0}},
    }
    assert stage["schedule"] == {"schedule": "multistep", "milestones": [91, 136], "gamma": 0.1}
    assert spec["data"]["train"]["views"]["main"]["transforms"][0] == {"transform": "random_crop", "padding": 4}
    assert spec["models"]["student"] == {"model": "cifar_resnet20"}
    assert (stage["train"], stage["validate_on"], spec["evaluation"]["stream"]) == ("train", "test", "test")


@pytest.mark.parametrize(
    ("name", "term", "wanted"),
    [
        ("at", "at_loss", {"student_places": ["stage3", "stage4"], "form": "code"}),
        ("crd", "crd", {"student_place": "pooled", "num_negatives": 16384, "temperature": 0.07}),
        ("kr", "review", {"teacher_places": ["stage1.pre", "stage2.pre", "stage3.pre", "stage4.pre", "pooled"]}),
    ],
)
def test_a_method_keeps_its_places_and_options(name: str, term: str, wanted: dict[str, Any]) -> None:
    params = _read(f"ilsvrc2012-{name}").spec["stages"][0]["objective"][term]["params"]
    assert params.items() >= wanted.items()


def test_stages_follow_one_another() -> None:
    hint, distil = _read("ilsvrc2012-fitnet").spec["stages"]
    assert hint["objective"]["layer1"]["params"] == {
        "student_place": "stage1",
        "teacher_place": "stage1",
        "regressor": "conv1x1",
        "batch_norm_relu": True,
        "reduction": "sum",
    }
    assert "train" not in distil
    assert set(distil["objective"]) == {"ce", "kd"}
    paraphraser, transfer = _read("ilsvrc2012-ft").spec["stages"]
    assert paraphraser["objective"]["reconst"]["method"] == "ft_paraphraser"
    assert transfer["objective"]["factor_transfer"]["weight"] == 1000.0


def test_a_step_of_several_batches_is_one_batch_in_parts() -> None:
    stage = _read("coco2017-ktaad").spec["stages"][1]
    assert (stage["batch_size"], stage["accumulate"], stage["schedule"]["schedule"]) == (16, 2, "poly")


def test_weights_that_the_peer_fetches_are_named_as_files_to_make() -> None:
    found = _read("ilsvrc2012-kd")
    assert found.spec["models"]["teacher"]["weights"] == {"file": "resnet34.safetensors"}
    [note] = [note for note in found.notes if note.pointer == "/models/teacher_model/kwargs/weights"]
    assert "ResNet34_Weights.IMAGENET1K_V1" in note.message
    assert note.line == 68


def test_what_nobody_knows_is_told_with_its_place() -> None:
    text = FILES[-2].read_text().replace("log_freq: 1000", "log_freq: 1000\n  colour: {of: [red]}")
    assert "colour" in text
    [loss] = convert(text.encode(), "x").losses
    assert (loss.pointer, "'red'" in loss.message) == ("/train/colour/of/0", True)


@pytest.mark.parametrize(
    "text",
    [
        "models: {}\ntrain: {}\nx: !!python/object/apply:os.system ['touch harm']",
        "models: {}\ntrain: {}\nx: !import_call {key: os.system, init: {kwargs: {command: touch harm}}}",
        "models: !import_get {key: os}\ntrain: !getattr [a, b]",
    ],
)
def test_nothing_of_a_file_is_executed(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        found = convert(text.encode(), "x")
    except SpecError:
        found = None
    assert found is None or not found.is_whole
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "a: [",
        "models: {}",
        "a: &a [*a]",
        "\x00",
        "a: " + "[" * 60 + "]" * 60,
        "x" * 300_000,
        ALIASES,
    ],
)
def test_what_is_no_experiment_file_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        convert(text.encode(), "x")


def test_joined_texts_are_one() -> None:
    assert read_document(b"a: &a x\nb: !join [*a, '/', 3]").value == {"a": "x", "b": "x/3"}


def test_merged_dictionaries_stand_behind_what_is_said() -> None:
    text = b"a: &a {x: 1, y: 2}\nb: &b {y: 3}\nc: {<<: [*b, *a], x: 5}\nd: {<<: *a}"
    value = read_document(text).value
    assert (value["c"], value["d"]) == ({"x": 5, "y": 3}, {"x": 1, "y": 2})


def test_a_method_whose_settings_are_not_translated_is_named() -> None:
    text = (FILES[-2].read_text()).replace("key: 'KDLoss'", "key: 'RKDLoss'")
    [loss] = convert(text.encode(), "x").losses
    assert "`stillhouse recipes rkd`" in loss.message
    assert loss.pointer == "/train/criterion/kwargs/sub_terms/kd/criterion"


def _list_places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = getattr(value, "value", value)
    children = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
    for step, child in children:
        yield from _list_places(child, (*place, step))


def _put(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    node = changed
    for step in place[:-1]:
        node = getattr(node, "value", node)[step]
    getattr(node, "value", node)[place[-1]] = value
    return changed


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_with_a_wrong_value_is_translated_or_refused(path: Path) -> None:
    document = read_document(path.read_bytes())
    places = [place for place in _list_places(document.value) if place]
    draw = random.Random(path.stem)  # noqa: S311  a sample, no secret
    for place in draw.sample(places, min(40, len(places))):
        for value in (None, "x", -3, [], {}, [["y"]], {"key": 1}):
            changed = Document(_put(document.value, place, value), document.lines)
            assert isinstance(translate(changed, "x"), Imported), (place, value)


def test_the_spec_is_written_without_aliases() -> None:
    from stillhouse.cli.importing import write_spec

    found = _read("ilsvrc2012-kr")
    text = write_spec(found, "kr.yaml")
    assert "&id" not in text
    assert yaml.safe_load(text) == found.spec
