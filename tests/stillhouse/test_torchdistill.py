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
NOT_RUN = {"detection-ghnd", "ghnd", "kd-small", "segmentation-ktaad", "text-kd", "text-regression"}
"""They name models, data or code that are none of ours; for the student of `hnd` one of ours stands."""

WHOLE = {path.stem for path in FILES} - NOT_RUN - {"hnd", "dist-plus"}
"""The sign that torchdistill gives DIST+'s channels is not carried over."""

ALIASES = (
    "a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\n"
    "e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e]"
)


def _read(name: str) -> Imported:
    return convert(_find(name).read_bytes(), name)


def _find(name: str) -> Path:
    [path] = [path for path in FILES if path.stem == name]
    return path


def _list_losses(found: Imported) -> set[str]:
    return {loss.pointer.rpartition("/")[2] for loss in found.losses}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_whole_or_says_what_it_lacks(path: Path) -> None:
    found = convert(path.read_bytes(), path.stem)
    assert found.is_whole is (path.stem in WHOLE)
    assert found.is_whole is (not found.losses)
    assert (check(found.spec) == []) is (path.stem not in NOT_RUN)
    lines = path.read_text().splitlines()
    assert all(0 < remark.line <= len(lines) for remark in (*found.losses, *found.notes))


def test_knowledge_distillation_is_two_terms() -> None:
    spec = _read("kd-small").spec
    [stage] = spec["stages"]
    assert stage["objective"] == {
        "ce": {"method": "ce", "weight": 0.7},
        "soft": {"method": "kd", "weight": 0.3, "params": {"temperature": 5.0}},
    }
    assert stage["schedule"] == {"schedule": "multistep", "milestones": [25, 45], "gamma": 0.2}
    assert spec["data"]["fit"]["views"]["main"]["transforms"][0] == {"transform": "random_crop", "padding": 3}
    assert spec["models"]["student"] == {"model": "cifar_resnet14"}
    assert (stage["train"], stage["validate_on"], spec["evaluation"]["stream"]) == ("fit", "held", "held")


@pytest.mark.parametrize(
    ("name", "term", "wanted"),
    [
        ("at", "maps", {"student_places": ["stage2", "stage4"], "form": "length"}),
        ("crd", "contrast", {"student_place": "pooled", "num_negatives": 2048, "temperature": 0.1, "momentum": 0.6}),
        ("review", "review", {"teacher_places": ["stage2.pre", "stage3.pre", "stage4.pre", "pooled"]}),
        ("pairs", "alike", {"student_place": "stage3", "teacher_place": "stage3", "row_norm": "l1"}),
        ("pairs", "order", {"student_place": "pooled", "teacher_place": "pooled"}),
        ("pairs", "rank", {"beta": 1.5, "gamma": 0.5, "temperature": 2.0}),
        ("pairs", "scaled", {"temperature": 3.0, "standardise": True}),
        ("pairs", "near", {"loss": {"function": "smooth_l1"}, "target": {"of": "teacher", "path": "stage2"}}),
        ("text-regression", "label", {"target": {"of": "labels"}}),
    ],
)
def test_a_method_keeps_its_places_and_options(name: str, term: str, wanted: dict[str, Any]) -> None:
    params = _read(name).spec["stages"][0]["objective"][term]["params"]
    assert params.items() >= wanted.items()


def test_a_label_term_may_name_its_module_through_a_wrapper() -> None:
    objective = _read("crd").spec["stages"][0]["objective"]
    assert objective["ce"] == {"method": "ce", "weight": 1.1}
    assert objective["soft"]["weight"] == 0.9


def test_stages_follow_one_another() -> None:
    hint, distil = _read("fitnet").spec["stages"]
    assert hint["objective"]["hint"]["params"] == {
        "student_place": "stage2",
        "teacher_place": "stage2",
        "regressor": "conv3x3",
        "batch_norm_relu": False,
        "reduction": "sum",
    }
    assert hint["frozen"] == ["conv1", "bn1"]
    assert "train" not in distil
    assert set(distil["objective"]) == {"ce", "term"}
    paraphraser, transfer = _read("ft").spec["stages"]
    assert paraphraser["objective"]["rebuild"]["method"] == "ft_paraphraser"
    assert paraphraser["objective"]["rebuild"]["params"]["rate"] == 0.75
    follow = transfer["objective"]["follow"]
    assert (follow["weight"], follow["params"]["power"], follow["params"]["reduction"]) == (250, 2, "norm")


def test_a_step_of_several_batches_is_one_batch_in_parts() -> None:
    stage = _read("segmentation-ktaad").spec["stages"][1]
    assert (stage["batch_size"], stage["accumulate"], stage["schedule"]["schedule"]) == (24, 4, "poly")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("at", {"schedule": "step", "every_epochs": 12, "gamma": 0.3}),
        ("crd", {"schedule": "exponential", "gamma": 0.95}),
        ("kd", {"schedule": "cosine", "is_stepped": True, "final_ratio": pytest.approx(0.01)}),
        ("fitnet", {"schedule": "constant"}),
        ("review", {"schedule": "linear"}),
    ],
)
def test_a_schedule_is_carried_over(name: str, wanted: dict[str, Any]) -> None:
    assert _read(name).spec["stages"][0]["schedule"] == wanted


def test_an_optimizer_keeps_its_options() -> None:
    stage = _read("text-kd").spec["stages"][0]
    assert stage["optimizer"] == {"optimizer": "adamw", "decay_vectors": False, "lr": 7e-5, "weight_decay": 0.03}
    assert (stage["clip"], stage["warmup"]) == ({"norm": 1.5}, {"steps": 40, "first_ratio": 0.0})
    [pairs] = _read("pairs").spec["stages"]
    assert pairs["optimizer"]["centered"] is True
    assert pairs["cache"] == {"mode": "on"}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("ghnd", {"dependencies", "student_model", "sampler"}),
        ("detection-ghnd", {"batch_sampler", "collate_fn", "weight", "T_max", "k"}),
        ("segmentation-ktaad", {"criterion", "auxiliary_model_wrapper"}),
        ("text-kd", {"dependencies", "private", "student_module_path", "reduction"}),
        ("text-regression", {"fit", "held", "scheduler"}),
    ],
)
def test_what_has_no_counterpart_is_told(name: str, wanted: set[str]) -> None:
    assert wanted <= _list_losses(_read(name))


def test_weights_that_the_peer_fetches_are_named_as_files_to_make() -> None:
    found = _read("kd")
    assert found.spec["models"]["teacher"]["weights"] == {"file": "resnet50.safetensors"}
    [note] = [note for note in found.notes if note.pointer == "/models/teacher_model/kwargs/weights"]
    assert "ResNet50_Weights.IMAGENET1K_V2" in note.message
    assert note.line == 10
    assert _read("pairs").spec["models"]["teacher"]["weights"] == {"file": "wide.safetensors"}


def test_what_nobody_knows_is_told_with_its_place() -> None:
    text = _find("kd").read_text().replace("log_freq: 50", "log_freq: 50\n  colour: {of: [red]}")
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

    found = _read("review")
    text = write_spec(found, "review.yaml")
    assert "&id" not in text
    assert yaml.safe_load(text) == found.spec
