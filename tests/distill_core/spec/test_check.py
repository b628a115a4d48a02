"""Every problem of a spec is told at once, with place, value, what is allowed and the nearest name."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from distill_core.errors import SpecError
from distill_core.spec import ExperimentSpec, check, parse_document, parse_json, resolve, shape

SPEC = """
version: 1
name: digits
models:
  teacher: {model: resnet20}
  student: {model: resnet8}
data:
  train: {dataset: digits, split: train, hold_out: {ratio: 0.1, part: rest}}
  val: {dataset: digits, split: train, hold_out: {ratio: 0.1, part: held_out}}
stages:
  - name: warm
    student: student
    teachers: [teacher]
    train: train
    epochs: 2
    batch_size: 64
    objective: {ce: {method: ce, weight: 0.5}}
    optimizer: {optimizer: sgd, lr: 0.1}
  - name: distill
    epochs: 3
    validate_on: val
    keep: best
    objective:
      ce: {method: ce, weight: 0.5}
      kd: {method: kd, weight: 0.5, params: {temperature: 4}}
    schedule: {schedule: multistep, milestones: [1, 2]}
"""


@pytest.fixture
def document() -> dict[str, Any]:
    parsed: dict[str, Any] = parse_document(SPEC)
    return parsed


def edited(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the values at slash-separated paths replaced; None deletes."""
    document = copy.deepcopy(document)
    for path, value in changes.items():
        *parents, last = (int(step) if step.isdigit() else step for step in path.split("/"))
        node: Any = document
        for step in parents:
            node = node[step]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return document


def test_a_good_spec_has_no_problems(document: dict[str, Any]) -> None:
    assert check(document) == []


def test_a_stage_inherits_what_it_leaves_out(document: dict[str, Any]) -> None:
    warm, distill = resolve(document).stages
    assert (distill.student, distill.teachers, distill.batch_size) == ("student", ("teacher",), 64)
    assert distill.optimizer == warm.optimizer
    assert (warm.epochs, distill.epochs) == (2, 3)
    assert warm.schedule.schedule == "constant"


def test_a_resolved_spec_says_everything_and_resolves_to_itself(document: dict[str, Any]) -> None:
    resolved = resolve(document)
    assert resolved.models["student"].params == {"num_classes": 10, "in_channels": 1, "image_size": 8}
    kd = resolved.stages[1].objective["kd"]
    assert (kd.teacher, kd.view, kd.params["temperature"]) == ("teacher", "main", 4)
    assert resolve(resolved.as_document()) == resolved


@pytest.mark.parametrize(
    ("changes", "pointer", "code", "nearest"),
    [
        ({"models/student/model": "resnt8"}, "/models/student/model", "unknown_name", "resnet8"),
        ({"data/train/dataset": "digit"}, "/data/train/dataset", "unknown_name", "digits"),
        ({"stages/0/objective/ce/method": "cee"}, "/stages/0/objective/ce/method", "unknown_name", "ce"),
        ({"stages/0/student": "studnt"}, "/stages/0/student", "unknown_name", "student"),
        ({"stages/0/teachers": ["techer"]}, "/stages/0/teachers/0", "unknown_name", "teacher"),
        ({"stages/0/train": "trian"}, "/stages/0/train", "unknown_name", "train"),
        ({"data/train/split": "tran"}, "/data/train/split", "unknown_name", "train"),
        ({"stages/0/optimizer/optimizer": "sdg"}, "/stages/0/optimizer/optimizer", "value_invalid", "sgd"),
        ({"stages/0/epoch": 3}, "/stages/0/epoch", "field_unknown", "epochs"),
        ({"stages/0/optimizer/momentun": 0.9}, "/stages/0/optimizer/momentun", "field_unknown", "momentum"),
        ({"stages/1/keep": "bset"}, "/stages/1/keep", "value_invalid", "best"),
        (
            {"stages/1/objective/kd/params": {"temprature": 2}},
            "/stages/1/objective/kd/params/temprature",
            "option_unknown",
            "temperature",
        ),
        ({"stages/1/objective/kd/teacher": "techer"}, "/stages/1/objective/kd/teacher", "unknown_name", "teacher"),
        ({"stages/1/objective/kd/view": "man"}, "/stages/1/objective/kd/view", "unknown_name", "main"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest_one(
    document: dict[str, Any], changes: dict[str, Any], pointer: str, code: str, nearest: str
) -> None:
    [problem] = check(edited(document, changes))
    assert (problem.pointer, problem.code, problem.nearest[0]) == (pointer, code, nearest)
    assert problem.allowed


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"stages/0/optimizer": None}, "/stages/0/optimizer", "field_missing"),
        ({"version": 2}, "/version", "value_invalid"),
        ({"stages/0/epochs": 0}, "/stages/0/epochs", "value_invalid"),
        ({"stages/0/optimizer/lr": "fast"}, "/stages/0/optimizer/lr", "value_invalid"),
        (
            {"stages/1/objective/kd/params": {"temperature": -1}},
            "/stages/1/objective/kd/params/temperature",
            "option_invalid",
        ),
        ({"stages/1/validate_on": None}, "/stages/1/keep", "validation_missing"),
        ({"stages/1/schedule/milestones": [2, 1]}, "/stages/1/schedule/milestones", "value_invalid"),
        ({"stages/1/schedule/milestones": [3]}, "/stages/1/schedule/milestones", "value_invalid"),
        ({"stages/0/teachers": []}, "/stages/1/objective/kd", "teacher_missing"),
        ({"stages/0/teachers": ["student"]}, "/stages/0/teachers/0", "teacher_is_student"),
        ({"stages/1/name": "warm"}, "/stages/1/name", "name_repeated"),
        ({"models/student/params": {"num_classes": 7}}, "/stages/1/objective/kd", "classes_differ"),
        ({"models/student/params": {"image_size": 32}}, "/stages/0/train", "shapes_differ"),
        ({"data/train/num_samples": 5000}, "/data/train/num_samples", "value_invalid"),
        ({"data/val/num_samples": 145}, "/data/val/num_samples", "value_invalid"),
        ({"data/val/hold_out/ratio": 0.0001}, "/data/val/hold_out/ratio", "value_invalid"),
        ({"stages/0/objective": {"loss": {"method": "ce"}}}, "/stages/0/objective/loss", "name_reserved"),
        ({"stages/0/objective/ce/weight": 0.0}, "/stages/0/objective", "value_invalid"),
        ({"models/Student": {"model": "resnet8"}}, "/models/Student", "value_invalid"),
        (
            {"data/train/views": {"main": {"transforms": [{"transform": "pad"}]}}},
            "/data/train/views/main/transforms/0/padding",
            "field_missing",
        ),
    ],
)
def test_what_cannot_work_is_named_by_its_place(
    document: dict[str, Any], changes: dict[str, Any], pointer: str, code: str
) -> None:
    assert (pointer, code) in {(problem.pointer, problem.code) for problem in check(edited(document, changes))}


def test_all_problems_are_told_at_once(document: dict[str, Any]) -> None:
    bad = edited(
        document,
        {"models/student/model": "resnt8", "stages/0/epochs": -1, "stages/0/train": "nothing", "extra": 1},
    )
    assert {problem.pointer for problem in check(bad)} == {
        "/models/student/model",
        "/stages/0/epochs",
        "/stages/0/train",
        "/extra",
    }


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda child: (
            st.lists(child, max_size=4)
            | st.dictionaries(
                st.sampled_from(["models", "data", "stages", "version", "objective", "params", "model", "a/b~"])
                | st.text(max_size=3),
                child,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_document_breaks_the_check(document: Any) -> None:
    assert check(document)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [1, 2", "document_unreadable"),
        ("a: 1\na: 2", "document_unreadable"),
        ("a: .nan", "number_not_finite"),
        ("a: .inf", "number_not_finite"),
        ("1: 2", "key_not_text"),
        ('a: "\\0"', "text_not_storable"),
        ("a: 99999999999999999999", "number_too_large"),
        ("x: " + "y" * 300_000, "document_too_large"),
        ("!!python/object/apply:os.system [ls]", "document_unreadable"),
        ("a: &a [1]\nb: [" + "*a, " * 100 + "]", "document_unreadable"),
        ("[" * 100 + "]" * 100, "too_deep"),
    ],
)
def test_text_that_cannot_be_a_spec_is_refused_with_a_reason(text: str, code: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_document(text)
    assert error.value.problems[0].code == code


@pytest.mark.parametrize(
    "body", [b'{"a": NaN}', b'{"a": 1e400}', b'{"a": "\\ud800"}', b'{"\\u0000": 1}', b"\xff", b"{"]
)
def test_a_body_that_no_store_can_hold_is_refused(body: bytes) -> None:
    with pytest.raises(SpecError):
        parse_json(body)


def test_a_date_stays_text() -> None:
    assert parse_document("a: 2026-01-02") == {"a": "2026-01-02"}


def test_the_check_needs_no_torch() -> None:
    code = "import sys, distill_core.spec as s; s.check({}); assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_schema_is_made_once_however_many_fields_are_unknown(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[type[BaseModel]] = []
    make = ExperimentSpec.model_json_schema

    def count() -> dict[str, Any]:
        made.append(ExperimentSpec)
        return make()

    monkeypatch.setattr(ExperimentSpec, "model_json_schema", count)
    shape._schema_of.cache_clear()
    problems = check(document | {f"field{number}": number for number in range(50)})
    assert len(problems) == 50
    assert len(made) == 1
