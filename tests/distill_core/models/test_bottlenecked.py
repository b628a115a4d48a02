"""A bottleneck in the place of a module: sizes of all kinds, names that stay, files, exports, refusals."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from distill_core.errors import SpecError
from distill_core.models import MODELS
from distill_core.models.bottlenecked import Bottleneck, Bottlenecked
from distill_core.outputs.cut import cut_module
from distill_core.place import Place
from distill_core.weights import load_student, save_weights

IMAGES = {"num_classes": 5, "in_channels": 1, "image_size": 8}


def build(**options: Any) -> Bottlenecked:
    torch.manual_seed(0)
    model = MODELS.create("bottlenecked", IMAGES | options)
    assert isinstance(model, Bottlenecked)
    return model.eval()


@pytest.mark.parametrize("at", ["stem", "stem.conv", "stage1", "stage2", "stage3", "stage2.1"])
def test_it_stands_for_modules_of_any_sizes(at: str) -> None:
    model = build(at=at)
    base, images = MODELS.create("resnet20", IMAGES).eval(), torch.rand(2, 1, 8, 8)
    shapes: dict[str, tuple[torch.Size, torch.Size]] = {}
    for name, module in {
        "encoder": model.get_submodule(f"{at}.encoder"),
        "bottleneck": model.get_submodule(at),
        "replaced": base.get_submodule(at),
    }.items():
        module.register_forward_hook(
            lambda _, given, returned, name=name: shapes.update({name: (given[0].shape, returned.shape)})
        )
    with torch.no_grad():
        assert model(images).shape == base(images).shape
    given, code = shapes["encoder"]
    assert isinstance(model.get_submodule(at), Bottleneck)
    assert shapes["bottleneck"] == shapes["replaced"]
    assert code == (2, 3, -(-given[2] // 2), -(-given[3] // 2))


def test_the_end_is_an_activation_where_the_replaced_module_ended_in_one() -> None:
    ends = {at: [*build(at=at).get_submodule(at).modules()][-1] for at in ("stage1", "stem.conv", "stage2.1")}
    assert {at: isinstance(end, nn.ReLU) for at, end in ends.items()} == {
        "stage1": True,
        "stem.conv": False,
        "stage2.1": False,
    }


def test_everything_else_keeps_its_name_and_shape() -> None:
    mine, base = build(base="resnet14").state_dict(), MODELS.create("resnet14", IMAGES).state_dict()
    kept = {name for name in base if not name.startswith("stage1.")}
    assert {name for name in mine if not name.startswith("stage1.")} == kept
    assert all(mine[name].shape == base[name].shape for name in kept)
    assert not {name for name in base if name.startswith("stage1.")} & set(mine)


def test_it_does_what_the_base_does_with_what_the_bottleneck_returns() -> None:
    model, base = build(base="resnet14"), MODELS.create("resnet14", IMAGES).eval()
    base.load_state_dict(model.state_dict(), strict=False)
    images = torch.rand(2, 1, 8, 8)
    base.stage1 = model.stage1
    with torch.no_grad():
        assert model(images).equal(base(images))


def test_its_feature_points_are_those_of_the_base() -> None:
    points, norms = build().feature_points, build().norms
    assert points == {**MODELS.create("resnet20", IMAGES).feature_points, "stage1": "stage1"}
    assert set(norms) == {"stem", "stage2", "stage3"}
    assert build(at="stage2.1").feature_points == MODELS.create("resnet20", IMAGES).feature_points


def test_a_copy_has_weights_of_its_own() -> None:
    model = build()
    other, images = deepcopy(model), torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        before = model(images)
        for parameter in other.parameters():
            parameter.zero_()
        assert model(images).equal(before)
        assert not other(images).equal(before)


def test_modes_and_types_reach_every_module() -> None:
    model = build().double().train()
    assert model(torch.rand(2, 1, 8, 8).double()).dtype == torch.float64
    assert all(module.training for module in model.modules())
    images = torch.rand(2, 1, 8, 8).double()
    assert not model(images).equal(model.eval()(images))


def test_it_comes_back_from_its_file_with_other_options_than_the_default(tmp_path: Path) -> None:
    model = build(base="light_nn", at="features.3", channels=2)
    found = load_student(save_weights(tmp_path / "student.safetensors", model).path)
    images = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        assert found(images).equal(model(images))


def test_it_can_be_exported_and_cut_where_the_device_sends_its_code() -> None:
    model, images = build(), torch.rand(4, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.export(model, (images,)).module()(images), model(images))
        head = cut_module(model, Place("stage1.encoder"), images)
        assert head(images).shape == (4, 3, 4, 4)
    assert {name.partition(".")[0] for name in head.state_dict()} == {"stem", "stage1"}


@pytest.mark.parametrize(
    ("options", "pointer", "code"),
    [
        ({"base": "resnet9"}, "/params/base", "unknown_name"),
        ({"base_params": {"depth": 3}}, "/params/base/params/depth", "field_unknown"),
        ({"at": "stag1"}, "/params/at", "unknown_name"),
        ({"at": "classifier"}, "/params/at", "shape_unfit"),
        ({"at": "pool"}, "/params/at", "shape_unfit"),
        ({"at": ""}, "/params/at", "value_invalid"),
    ],
)
def test_what_cannot_be_replaced_is_refused_where_it_stands(options: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        build(**options)
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == (pointer, code)
