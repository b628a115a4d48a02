from __future__ import annotations

import pytest
import torch

from distill_core.models import MODELS
from distill_core.tap import Place, Taps

CIFAR = {"num_classes": 100, "in_channels": 3, "image_size": 32}
POINTS = ("stem", "stage1", "stage2", "stage3", "stage4")


@pytest.mark.parametrize(("key", "expected"), [("vgg8", 3_965_028), ("vgg13", 9_462_180)])
def test_parameter_counts_are_those_of_the_benchmark(key: str, expected: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in MODELS.create(key, CIFAR).parameters()) == expected


@pytest.mark.parametrize(
    ("size", "sides"),
    [(4, (4, 2, 1, 1, 1)), (28, (28, 14, 7, 4, 4)), (32, (32, 16, 8, 4, 4)), (64, (64, 32, 16, 8, 4))],
)
def test_the_fourth_stage_is_pooled_in_large_images_alone(size: int, sides: tuple[int, ...]) -> None:
    with torch.device("meta"), torch.no_grad():
        model = MODELS.create("vgg8", CIFAR | {"image_size": size}).eval()
        caught = Taps(model, [Place(name) for name in POINTS]).run(torch.rand(2, 3, size, size))
    assert tuple(caught[Place(name)].shape[2] for name in POINTS) == sides


def test_a_stage_is_the_relu_of_what_its_last_batch_norm_returns() -> None:
    torch.manual_seed(0)
    model = MODELS.create("vgg13", CIFAR).eval()
    places = [Place(path) for name in POINTS for path in (name, f"{name}.pre", model.norms[name])]
    caught = Taps(model, places).run(torch.rand(2, 3, 32, 32))
    for name in POINTS:
        normed = caught[Place(model.norms[name])]
        assert (normed < 0).any()
        assert caught[Place(f"{name}.pre")].equal(normed)
        assert caught[Place(name)].equal(normed.relu())


def test_weights_have_the_names_of_the_benchmark() -> None:
    with torch.device("meta"):
        names = {name.rpartition(".")[0] for name in MODELS.create("vgg13", CIFAR).state_dict()}
    assert names == {f"block{stage}.{layer}" for stage in range(5) for layer in (0, 1, 3, 4)} | {"classifier"}
