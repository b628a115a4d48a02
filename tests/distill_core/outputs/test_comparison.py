from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from distill_core.outputs.comparison import MOST_CELLS, Answers, compare

NAMES = {"student": "student", "teacher": "teacher"}


def guesses(*classes: int, of: int = 3) -> Tensor:
    """Return logits whose largest entries are these classes, each with probability 0.8."""
    logits = torch.full((len(classes), of), 0.2 / (of - 1), dtype=torch.float64)
    logits[torch.arange(len(classes)), torch.tensor(classes)] = 0.8
    return logits.log()


LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
STUDENT = guesses(0, 1, 1, 1, 0, 2)
TEACHER = guesses(0, 0, 1, 2, 0, 0)


def test_confusions_have_a_row_for_what_is_true() -> None:
    found = compare(Answers(STUDENT, LABELS, TEACHER), "test", NAMES, None)
    assert found["student"]["confusion"]["counts"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert found["teacher"]["confusion"]["counts"] == [[2, 0, 0], [0, 1, 1], [2, 0, 0]]
    assert found["agreement"]["confusion"]["counts"] == [[2, 1, 1], [0, 1, 0], [0, 1, 0]]


def test_both_are_counted_right_and_wrong_together() -> None:
    agreement = compare(Answers(STUDENT, LABELS, TEACHER), "test", NAMES, None)["agreement"]
    counts = {name: agreement[name] for name in ("both_right", "only_teacher", "only_student", "both_wrong")}
    assert counts == {"both_right": 2, "only_teacher": 1, "only_student": 2, "both_wrong": 1}
    assert agreement["ratio"] == 0.5


def test_each_class_has_the_accuracy_of_both() -> None:
    found = compare(Answers(STUDENT, LABELS, TEACHER), "test", NAMES, None)
    assert found["per_class"] == {"num_samples": [2, 2, 2], "student": [0.5, 1.0, 0.5], "teacher": [1.0, 0.5, 0.0]}
    assert (found["student"]["accuracy"], found["teacher"]["accuracy"]) == (0.666667, 0.5)


def test_a_class_without_samples_has_no_accuracy() -> None:
    found = compare(Answers(STUDENT[:4], LABELS[:4]), "test", NAMES, None)
    assert found["per_class"] == {"num_samples": [2, 2, 0], "student": [0.5, 1.0, None]}


def test_confidence_and_hits_are_binned() -> None:
    found = compare(Answers(STUDENT, LABELS), "test", NAMES, None)["student"]
    assert len(found["calibration"]) == 15
    filled = [(number, each) for number, each in enumerate(found["calibration"]) if each["n"]]
    assert filled == [(11, {"n": 6, "confidence": 0.8, "accuracy": 0.666667})]
    assert found["ece"] == pytest.approx(0.8 - 4 / 6, abs=1e-6)


@pytest.mark.parametrize("teacher", [None, guesses(0, 0, 1, 1, 2, 2, of=5)], ids=["none", "other classes"])
def test_without_a_teacher_of_the_same_classes_nothing_is_said_of_it(teacher: Tensor | None) -> None:
    found = compare(Answers(STUDENT, LABELS, teacher), "test", NAMES, None)
    assert (found["teacher"], found["agreement"]) == (None, None)
    assert "teacher" not in found["per_class"]


def test_classes_are_called_as_the_data_set_calls_them() -> None:
    assert compare(Answers(STUDENT, LABELS), "test", NAMES, ("cat", "dog", "owl"))["classes"] == ["cat", "dog", "owl"]
    assert compare(Answers(STUDENT, LABELS), "test", NAMES, ("cat", "dog"))["classes"] is None


def test_of_many_classes_only_the_largest_confusions_are_written() -> None:
    labels = torch.arange(3000) % 1500
    wrong = (labels + 1) % 1500
    wrong[labels == 7] = 9
    logits = torch.zeros(3000, 1500).scatter_(1, wrong.unsqueeze(1), 1.0)
    found = compare(Answers(logits, labels), "test", NAMES, None)
    cells = found["student"]["confusion"]["cells"]
    assert found["student"]["confusion"]["num_cells"] == 1500
    assert len(cells) == MOST_CELLS
    assert {count for *_, count in cells} == {2}
    assert len(found["per_class"]["student"]) == 1500


def test_all_of_it_is_json() -> None:
    found = compare(Answers(STUDENT, LABELS, TEACHER), "test", NAMES, None)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
