from __future__ import annotations

import math

import pytest
import torch

from distill_core.engine.meter import MAX_PENDING, Meter
from distill_core.errors import DivergedError


def test_means_are_over_samples_not_over_steps() -> None:
    meter = Meter()
    meter.add(1, {"loss": torch.tensor(1.0)}, 3)
    meter.add(2, {"loss": torch.tensor(5.0)}, 1)
    assert meter.take() == {"loss": 2.0}
    assert meter.take() == {}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_first_value_that_is_not_finite_is_named_with_its_step(value: float) -> None:
    meter = Meter()
    meter.add(6, {"ce": torch.tensor(1.0), "kd": torch.tensor(1.0)}, 1)
    meter.add(7, {"ce": torch.tensor(1.0), "kd": torch.tensor(value)}, 1)
    meter.add(8, {"ce": torch.tensor(value), "kd": torch.tensor(value)}, 1)
    with pytest.raises(DivergedError, match=r"'kd' became .* in step 7"):
        meter.flush()


def test_divergence_is_seen_before_a_report_is_due() -> None:
    meter = Meter()
    for step in range(MAX_PENDING - 1):
        meter.add(step, {"loss": torch.tensor(math.nan)}, 1)
    with pytest.raises(DivergedError):
        meter.add(MAX_PENDING, {"loss": torch.tensor(math.nan)}, 1)


def test_its_state_can_be_taken_up() -> None:
    straight, saved, resumed = Meter(), Meter(), Meter()
    for step in range(10):
        for meter in (straight, saved if step < 5 else resumed):
            if step == 5 and meter is resumed:
                resumed.load_state_dict(saved.state_dict())
            meter.add(step, {"loss": torch.tensor(1 / (step + 3))}, 7)
    assert resumed.take() == straight.take()
