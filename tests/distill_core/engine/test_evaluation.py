from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.engine.evaluation import (
    accuracy,
    ask,
    calibration_error,
    gives_logits,
    negative_log_likelihood,
    predict,
)
from distill_core.spec.check import resolve
from distill_core.stream import Stream, open_stream
from tests.distill_core.experiments import supervised


class Guesser(nn.Module):
    """Says the same of equal images: sums of pixels as logits, under whatever name."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self.name = name
        self.num_calls = 0

    def forward(self, images: Tensor) -> Any:
        """Return logits [B 8], or what a detector would."""
        self.num_calls += 1
        logits = images.sum((1, 2))
        return logits if self.name is None else {self.name: logits if self.name == "logits" else ["boxes"]}


@pytest.fixture(scope="module")
def stream() -> Stream:
    spec = resolve(supervised())
    return open_stream(spec.data["test"], Path("/nonexistent"), torch.device("cpu"), "/data/test")


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log()


def test_accuracy_is_the_share_of_right_guesses() -> None:
    assert accuracy(logits_of([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]), torch.tensor([0, 1, 1])) == 2 / 3


def test_nll_is_the_mean_of_minus_log_p_of_the_label() -> None:
    value = negative_log_likelihood(logits_of([[0.5, 0.5], [0.25, 0.75]]), torch.tensor([0, 0]))
    assert value == pytest.approx((0.6931471805599453 + 1.3862943611198906) / 2)


def test_a_calibrated_model_has_no_calibration_error() -> None:
    logits = logits_of([[0.75, 0.25]] * 4)
    assert calibration_error(logits, torch.tensor([0, 0, 0, 1])) == pytest.approx(0)
    assert calibration_error(logits, torch.tensor([1, 1, 1, 1])) == pytest.approx(0.75)


def test_calibration_error_weighs_the_bins_by_their_samples() -> None:
    logits = logits_of([[0.95, 0.05]] * 3 + [[0.6, 0.4]])
    labels = torch.tensor([0, 0, 1, 0])
    assert calibration_error(logits, labels) == pytest.approx((abs(2 - 3 * 0.95) + abs(1 - 0.6)) / 4)


def test_calibration_error_is_finite_for_certain_guesses() -> None:
    logits = torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]])
    assert calibration_error(logits, torch.tensor([0, 0])) == pytest.approx(0.5)


def test_student_and_teacher_say_in_one_pass_what_each_says_alone(stream: Stream) -> None:
    student, teacher = Guesser(), Guesser("logits")
    answers = ask(student, stream, 40, teacher)
    assert (student.num_calls, teacher.num_calls) == (3, 3)
    assert answers.teacher is not None
    assert answers.student.equal(predict(student, stream, 40))
    assert answers.teacher.equal(answers.student)
    assert answers.labels is stream.labels


@pytest.mark.parametrize(("name", "found"), [(None, True), ("logits", True), ("boxes", False)])
def test_only_a_model_that_answers_with_logits_can_be_compared(stream: Stream, name: str | None, found: bool) -> None:
    assert gives_logits(Guesser(name), stream) is found
