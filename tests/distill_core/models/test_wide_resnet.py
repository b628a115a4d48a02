from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from distill_core.models import MODELS
from distill_core.tap import Place, Taps

CIFAR = {"num_classes": 100, "in_channels": 3, "image_size": 32}
BENCHMARK = {"wrn_16_2": 703_284, "wrn_40_2": 2_255_156}


def count(key: str) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in MODELS.create(key, CIFAR).parameters())


def closed_form(depth: int, factor: int) -> int:
    """Count stem, blocks, projections, last BatchNorm and classifier by hand."""
    widths = (16, 16 * factor, 32 * factor, 64 * factor)
    total = 9 * 3 * 16 + 2 * widths[3] + widths[3] * 100 + 100
    for fan_in, width in pairwise(widths):
        total += 2 * fan_in + 9 * fan_in * width + 2 * width + 9 * width * width
        total += fan_in * width if fan_in != width else 0
        total += ((depth - 4) // 6 - 1) * 2 * (2 * width + 9 * width * width)
    return total


@pytest.mark.parametrize(("key", "expected"), BENCHMARK.items())
def test_parameter_counts_are_those_of_the_benchmark(key: str, expected: int) -> None:
    assert count(key) == expected


@pytest.mark.parametrize("key", ["wrn_16_1", "wrn_16_2", "wrn_40_1", "wrn_40_2"])
def test_depth_and_width_are_those_of_the_name(key: str) -> None:
    _, depth, factor = key.split("_")
    assert count(key) == closed_form(int(depth), int(factor))


def test_the_forward_pass_is_that_of_the_paper_by_the_names_of_the_benchmark() -> None:
    torch.manual_seed(0)
    model = MODELS.create("wrn_16_2", CIFAR).eval()
    weights, x = model.state_dict(), torch.rand(2, 3, 32, 32)

    def active(maps: torch.Tensor, norm: str) -> torch.Tensor:
        return functional.batch_norm(maps, weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]).relu()

    with torch.no_grad():
        maps = functional.conv2d(x, weights["conv1.weight"], padding=1)
        for number in (1, 2, 3):
            for block in (0, 1):
                stride, path = (2 if number > 1 and block == 0 else 1), f"block{number}.layer.{block}"
                given = active(maps, f"{path}.bn1")
                inner = functional.conv2d(given, weights[f"{path}.conv1.weight"], stride=stride, padding=1)
                inner = functional.conv2d(active(inner, f"{path}.bn2"), weights[f"{path}.conv2.weight"], padding=1)
                if block == 0:
                    maps = functional.conv2d(given, weights[f"{path}.convShortcut.weight"], stride=stride)
                maps = maps + inner
        expected = active(maps, "bn1").mean((2, 3)) @ weights["fc.weight"].T + weights["fc.bias"]
        torch.testing.assert_close(model(x), expected)


def test_before_the_activation_of_a_stage_is_its_sum_after_the_next_batch_norm() -> None:
    torch.manual_seed(0)
    model = MODELS.create("wrn_16_2", CIFAR).eval()
    points = ("stem", "stage1", "stage2", "stage3")
    caught = Taps(model, [Place(name + end) for name in points for end in ("", ".pre")]).run(torch.rand(2, 3, 32, 32))
    for name in points:
        normed = model.get_submodule(model.norms[name])(caught[Place(name)])
        assert caught[Place(f"{name}.pre")].equal(normed)
