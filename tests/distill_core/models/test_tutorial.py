from __future__ import annotations

import pytest
import torch

from distill_core.models import MODELS
from distill_core.tap import Place, Taps

CIFAR = {"num_classes": 10, "in_channels": 3, "image_size": 32}


@pytest.mark.parametrize(("key", "count"), [("deep_nn", 1_186_986), ("light_nn", 267_738)])
def test_parameter_counts_are_those_of_the_tutorial(key: str, count: int) -> None:
    assert sum(parameter.numel() for parameter in MODELS.create(key, CIFAR).parameters()) == count


@pytest.mark.parametrize(("key", "norm"), [("light_nn", 2.327361822), ("deep_nn", 6.468913555)])
def test_seed_42_gives_the_initial_weights_of_the_tutorial(key: str, norm: float) -> None:
    torch.manual_seed(42)
    weight = MODELS.create(key, CIFAR).get_parameter("features.0.weight")
    assert weight.norm().item() == pytest.approx(norm, rel=1e-6)


def test_weights_have_the_names_of_the_tutorial() -> None:
    convolutions = {"deep_nn": (0, 2, 5, 7), "light_nn": (0, 3)}
    for key, places in convolutions.items():
        layers = [f"features.{place}" for place in places] + ["classifier.0", "classifier.3"]
        expected = {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
        assert set(MODELS.create(key, CIFAR).state_dict()) == expected


def test_hidden_maps_of_both_have_the_same_height_and_width() -> None:
    shapes = {}
    for key in ("deep_nn", "light_nn"):
        taps = Taps(MODELS.create(key, CIFAR).eval(), [Place("stage2")])
        shapes[key] = tuple(taps.run(torch.rand(1, 3, 32, 32))[Place("stage2")].shape)
    assert shapes == {"deep_nn": (1, 32, 8, 8), "light_nn": (1, 16, 8, 8)}
