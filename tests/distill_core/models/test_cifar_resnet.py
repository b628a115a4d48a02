from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from distill_core.models import MODELS
from distill_core.tap import Place, Taps

CIFAR = {"num_classes": 100, "in_channels": 3, "image_size": 32}
BENCHMARK = {
    "cifar_resnet20": 278_324,
    "cifar_resnet56": 861_620,
    "cifar_resnet8x4": 1_233_540,
    "cifar_resnet32x4": 7_433_860,
}
BY_HAND = {"cifar_resnet8": 1, "cifar_resnet14": 2, "cifar_resnet32": 5, "cifar_resnet110": 18}


def count(key: str) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in MODELS.create(key, CIFAR).parameters())


def closed_form(num_blocks: int) -> int:
    """Count stem, blocks, the two projections and the classifier by hand."""

    def conv(size: int, fan_in: int, fan_out: int) -> int:
        return size * size * fan_in * fan_out + 2 * fan_out

    total = conv(3, 3, 16) + conv(1, 16, 32) + conv(1, 32, 64) + 64 * 100 + 100
    for fan_in, width in ((16, 16), (16, 32), (32, 64)):
        total += conv(3, fan_in, width) + conv(3, width, width) + (num_blocks - 1) * 2 * conv(3, width, width)
    return total


@pytest.mark.parametrize(("key", "expected"), BENCHMARK.items())
def test_parameter_counts_are_those_of_the_benchmark(key: str, expected: int) -> None:
    assert count(key) == expected


@pytest.mark.parametrize(("key", "num_blocks"), BY_HAND.items())
def test_further_depths_have_the_blocks_that_their_names_say(key: str, num_blocks: int) -> None:
    assert closed_form(3) == BENCHMARK["cifar_resnet20"]
    assert int(key.removeprefix("cifar_resnet")) == 6 * num_blocks + 2
    assert count(key) == closed_form(num_blocks)


def test_the_forward_pass_is_that_of_the_paper_by_the_names_of_the_benchmark() -> None:
    torch.manual_seed(0)
    model = MODELS.create("cifar_resnet14", CIFAR).eval()
    weights, x = model.state_dict(), torch.rand(2, 3, 32, 32)

    def conv_bn(maps: torch.Tensor, conv: str, norm: str, stride: int) -> torch.Tensor:
        weight = weights[f"{conv}.weight"]
        maps = functional.conv2d(maps, weight, stride=stride, padding=weight.shape[2] // 2)
        return functional.batch_norm(maps, weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"])

    with torch.no_grad():
        maps = conv_bn(x, "conv1", "bn1", 1).relu()
        for layer in (1, 2, 3):
            for block in (0, 1):
                stride, path = (2 if layer > 1 and block == 0 else 1), f"layer{layer}.{block}"
                inner = conv_bn(maps, f"{path}.conv1", f"{path}.bn1", stride).relu()
                inner = conv_bn(inner, f"{path}.conv2", f"{path}.bn2", 1)
                if stride == 2:
                    maps = conv_bn(maps, f"{path}.downsample.0", f"{path}.downsample.1", 2)
                maps = (inner + maps).relu()
        expected = maps.mean((2, 3)) @ weights["fc.weight"].T + weights["fc.bias"]
        torch.testing.assert_close(model(x), expected)


def test_before_the_last_activation_of_a_stage_stands_the_sum_of_its_last_block() -> None:
    torch.manual_seed(0)
    model = MODELS.create("cifar_resnet8x4", CIFAR).eval()
    points = [Place(name) for name in ("stage1", "stage2", "stage3")]
    before = [Place(f"{place.path}.pre") for place in points]
    caught = Taps(model, points + before).run(torch.rand(2, 3, 32, 32))
    for after, earlier, channels in zip(points, before, (64, 128, 256), strict=True):
        assert (caught[earlier] < 0).any()
        assert caught[after].equal(caught[earlier].relu())
        assert caught[after].shape[1] == channels
