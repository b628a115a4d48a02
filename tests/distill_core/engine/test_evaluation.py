from __future__ import annotations

import pytest
import torch

from distill_core.engine.evaluation import accuracy, calibration_error, negative_log_likelihood


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
