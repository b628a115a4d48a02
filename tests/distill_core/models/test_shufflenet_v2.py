from __future__ import annotations

import torch
from torch import nn

from distill_core.models import MODELS
from distill_core.place import find_place
from distill_core.tap import Place, Taps

CIFAR = {"num_classes": 100, "in_channels": 3, "image_size": 32}


def build() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.create("shufflenet_v2", CIFAR).eval()


def test_the_parameter_count_is_that_of_the_benchmark() -> None:
    assert sum(parameter.numel() for parameter in build().parameters()) == 1_355_528


def test_stages_halve_the_map_and_widen_it() -> None:
    caught = Taps(build(), [Place(name) for name in ("stem", "stage1", "stage2", "stage3")]).run(
        torch.rand(1, 3, 32, 32)
    )
    shapes = [tuple(caught[Place(name)].shape[1:]) for name in ("stem", "stage1", "stage2", "stage3")]
    assert shapes == [(24, 32, 32), (116, 16, 16), (232, 8, 8), (464, 4, 4)]


def test_a_stage_ends_in_the_relu_of_its_last_unit() -> None:
    model = build()
    assert find_place(model, Place("stage2.pre")) == Place("layer2.7.relu", "in")
    caught = Taps(model, [Place("stage2"), Place("stage2.pre")]).run(torch.rand(2, 3, 32, 32))
    before = caught[Place("stage2.pre")]
    assert (before < 0).any()
    assert caught[Place("stage2")].equal(before.relu())


def test_half_of_the_channels_pass_a_unit_by_and_are_mixed_with_the_others() -> None:
    unit = build().get_submodule("layer1.1")
    x = torch.rand(2, 116, 8, 8)
    right = x[:, 58:]
    for convolution, norm, activation in (("conv1", "bn1", True), ("conv2", "bn2", False), ("conv3", "bn3", True)):
        right = unit.get_submodule(norm)(unit.get_submodule(convolution)(right))
        right = right.relu() if activation else right
    mixed = unit(x)
    assert mixed[:, 0::2].equal(x[:, :58])
    assert mixed[:, 1::2].equal(right)


def test_weights_have_the_names_of_the_benchmark() -> None:
    names = set(build().state_dict())
    assert {"conv1.weight", "bn1.weight", "layer1.0.conv5.weight", "layer3.3.bn3.bias", "conv2.weight"} <= names
    assert {name for name in names if name.startswith("linear")} == {"linear.weight", "linear.bias"}
