from __future__ import annotations

import torch
from torch import nn

from distill_core.models import MODELS
from distill_core.tap import Place, Taps

CIFAR = {"num_classes": 100, "in_channels": 3, "image_size": 32}
POINTS = ("stem", "stage1", "stage2", "stage3")


def build() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.create("shufflenet_v1", CIFAR).eval()


def test_the_parameter_count_is_that_of_the_benchmark() -> None:
    assert sum(parameter.numel() for parameter in build().parameters()) == 949_258


def test_stages_halve_the_map_and_widen_it() -> None:
    caught = Taps(build(), [Place(name) for name in POINTS]).run(torch.rand(1, 3, 32, 32))
    shapes = [tuple(caught[Place(name)].shape[1:]) for name in POINTS]
    assert shapes == [(24, 32, 32), (240, 16, 16), (480, 8, 8), (960, 4, 4)]


def test_a_stage_is_the_relu_of_the_sum_of_its_last_unit() -> None:
    caught = Taps(build(), [Place("stage2"), Place("stage2.pre")]).run(torch.rand(2, 3, 32, 32))
    assert (caught[Place("stage2.pre")] < 0).any()
    assert caught[Place("stage2")].equal(caught[Place("stage2.pre")].relu())


def test_the_first_unit_of_a_stage_hands_on_what_it_is_given_at_half_the_size() -> None:
    x = torch.rand(2, 24, 8, 8)
    made = build().get_submodule("layer1.0")(x)
    assert made.shape == (2, 240, 4, 4)
    assert made[:, 216:].equal(nn.functional.avg_pool2d(x, 3, 2, 1))


def test_every_third_channel_behind_the_shuffle_comes_of_the_same_group() -> None:
    unit = build().get_submodule("layer1.1")
    taps = Taps(unit, [Place("relu1"), Place("conv2", "in")])
    caught = taps.run(torch.rand(2, 240, 4, 4))
    for group in range(3):
        assert caught[Place("conv2", "in")][:, group::3].equal(caught[Place("relu1")][:, 20 * group : 20 * group + 20])


def test_weights_have_the_names_of_the_benchmark() -> None:
    names = set(build().state_dict())
    assert {"conv1.weight", "bn1.weight", "layer1.0.conv3.weight", "layer3.3.bn3.bias", "linear.bias"} <= names
    assert not any("shortcut" in name for name in names)
