from __future__ import annotations

import torch
from torch import nn

from distill_core.models import MODELS
from distill_core.tap import Place, Taps

CIFAR = {"num_classes": 100, "in_channels": 3, "image_size": 32}
POINTS = ("stem", "stage1", "stage2", "stage3", "stage4")


def build() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.create("mobilenet_v2", CIFAR).eval()


def test_the_parameter_count_is_that_of_the_benchmark() -> None:
    assert sum(parameter.numel() for parameter in build().parameters()) == 812_836


def test_stages_end_where_the_benchmark_takes_its_maps() -> None:
    caught = Taps(build(), [Place(name) for name in (*POINTS, "pooled")]).run(torch.rand(2, 3, 32, 32))
    shapes = [tuple(caught[Place(name)].shape[1:]) for name in POINTS]
    assert shapes == [(16, 16, 16), (12, 16, 16), (16, 8, 8), (48, 4, 4), (160, 2, 2)]
    assert caught[Place("pooled")].shape == (2, 1280)


def test_a_stage_ends_linearly_so_that_before_its_activation_is_the_stage_itself() -> None:
    stages = POINTS[1:]
    caught = Taps(build(), [Place(name + end) for name in stages for end in ("", ".pre")]).run(torch.rand(2, 3, 32, 32))
    for name in stages:
        assert (caught[Place(name)] < 0).any()
        assert caught[Place(f"{name}.pre")].equal(caught[Place(name)])


def test_a_block_has_a_shortcut_where_its_shape_stays() -> None:
    model, x = build(), torch.rand(2, 12, 8, 8)
    same = model.get_submodule("blocks.1.1")
    assert same(x).equal(x + same.get_submodule("conv")(x))
    narrower = model.get_submodule("blocks.2.0")
    assert narrower(x).equal(narrower.get_submodule("conv")(x))


def test_weights_have_the_names_of_the_benchmark() -> None:
    names = set(build().state_dict())
    assert {"conv1.0.weight", "blocks.0.0.conv.7.bias", "blocks.6.0.conv.3.weight", "conv2.1.running_var"} <= names
    assert {name for name in names if name.startswith("classifier")} == {"classifier.0.weight", "classifier.0.bias"}
