from __future__ import annotations

import math

import pytest
from pydantic import TypeAdapter
from torch import nn, optim

from distill_core.engine.optimizer import build_optimizer, learning_rate
from distill_core.spec.optimizer import Constant, Cosine, Multistep, OptimizerSpec


def test_the_rate_of_a_constant_schedule_stays() -> None:
    assert learning_rate(Constant(schedule="constant"), 0.1, 99, 0.9) == 0.1


def test_milestones_lower_the_rate_when_their_epoch_begins() -> None:
    schedule = Multistep(schedule="multistep", milestones=(2, 4), gamma=0.1)
    rates = [learning_rate(schedule, 1.0, epoch, 0.0) for epoch in range(6)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_a_cosine_falls_from_the_first_rate_to_its_share() -> None:
    schedule = Cosine(schedule="cosine", final_ratio=0.1)
    assert learning_rate(schedule, 2.0, 0, 0.0) == 2.0
    assert learning_rate(schedule, 2.0, 0, 0.5) == pytest.approx(1.1)
    assert learning_rate(schedule, 2.0, 0, 1.0) == pytest.approx(0.2)
    assert learning_rate(schedule, 2.0, 0, 0.25) == pytest.approx(0.2 + 1.8 * (1 + math.cos(math.pi / 4)) / 2)


@pytest.mark.parametrize(
    ("document", "kind", "expected"),
    [
        (
            {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
            optim.SGD,
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "dampening": 0},
        ),
        ({"optimizer": "adam", "lr": 1e-3}, optim.Adam, {"betas": (0.9, 0.999), "weight_decay": 0}),
        ({"optimizer": "adamw", "lr": 1e-3}, optim.AdamW, {"weight_decay": 0.01}),
    ],
)
def test_options_reach_the_optimizer(
    document: object, kind: type[optim.Optimizer], expected: dict[str, object]
) -> None:
    spec = TypeAdapter[OptimizerSpec](OptimizerSpec).validate_python(document)
    optimizer = build_optimizer(spec, nn.Linear(1, 1).parameters())
    assert type(optimizer) is kind
    assert {key: optimizer.param_groups[0][key] for key in expected} == expected
