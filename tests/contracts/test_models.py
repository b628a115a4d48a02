"""What every model of the registry must do; a new file is tested by being there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from distill_core.call import list_tensors
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.tap import Place, Taps
from distill_core.weights import load_student, save_weights

OPTIONS = {"num_classes": 7, "in_channels": 3, "image_size": 32}
EXPORTED = (
    "resnet8", "deep_nn", "light_nn", "shufflenet_v2", "vit_d4", "cifar_resnet8", "wrn_16_1", "vgg8", "mobilenet_v2",
    "resnet18",
)  # fmt: skip
"""Deeper members of a family export as the shallow ones do, and take long."""


def build(key: str, **options: int) -> Model:
    return MODELS.create(key, OPTIONS | options).eval()


@cache
def is_large(key: str) -> bool:
    """Return whether a model is so wide or deep that it is looked at without numbers alone."""
    with torch.device("meta"):
        model = build(key)
    num_weights, num_modules = sum(weight.numel() for weight in model.parameters()), len(list(model.modules()))
    return num_weights > 5_000_000 or num_modules > 250


every_model = pytest.mark.parametrize("key", list(MODELS))
every_handy_model = pytest.mark.parametrize("key", [key for key in MODELS if not is_large(key)])


@every_model
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (1, 28), (3, 32)])
def test_logits_have_a_row_a_sample_and_a_column_a_class(key: str, channels: int, size: int) -> None:
    with torch.device("meta"), torch.no_grad():
        model = build(key, in_channels=channels, image_size=size)
        assert model(torch.rand(3, channels, size, size)).shape == (3, 7)


@every_model
def test_feature_points_are_modules_that_the_forward_pass_uses(key: str) -> None:
    with torch.device("meta" if is_large(key) else "cpu"), torch.no_grad():
        model, images = build(key), torch.rand(2, 3, 32, 32)
        assert {"stem", "stage1", "pooled", "logits"} <= set(model.feature_points)
        places = [Place(point) for point in model.feature_points]
        caught = Taps(model, places).run(images)
        assert is_large(key) or caught[Place("logits")].equal(model(images))
    assert all(len(caught[place]) == 2 for place in places)
    assert caught[Place("pooled")].ndim == 2
    assert caught[Place("stem")].ndim in (3, 4)  # tokens, or a map


@every_model
def test_norms_stand_before_the_last_activations(key: str) -> None:
    with torch.device("meta"), torch.no_grad():
        model, images = build(key), torch.rand(2, 3, 32, 32)
        places = [place for point in model.norms for place in (Place(f"{point}.pre"), Place(model.norms[point]))]
        caught = Taps(model, places).run(images)
    for point, path in model.norms.items():
        assert isinstance(model.get_submodule(path), nn.BatchNorm2d)
        before, normed = caught[Place(f"{point}.pre")].shape, caught[Place(path)].shape
        assert (before[0], *before[2:]) == (normed[0], *normed[2:])
        assert before[1] == normed[1]


@every_model
def test_nothing_that_a_tap_could_hold_is_overwritten_in_place(key: str) -> None:
    seen: list[tuple[torch.Tensor, int]] = []

    def remember(_: object, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
        seen.extend((tensor, tensor._version) for _, tensor in (*list_tensors(inputs), *list_tensors(output)))

    with torch.device("meta"), torch.no_grad():
        model = build(key)
        for module in model.modules():
            module.register_forward_hook(remember)
        model(torch.rand(2, 3, 32, 32))
    assert len(seen) > 10
    assert all(tensor._version == version for tensor, version in seen)


@every_handy_model
def test_the_same_seed_gives_the_same_weights_and_the_same_input_the_same_output(key: str) -> None:
    built = []
    for _ in range(2):
        torch.manual_seed(3)
        built.append(build(key))
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert built[0](images).equal(built[0](images))
        assert built[0](images).equal(built[1](images))


@every_handy_model
def test_it_comes_back_from_its_file(key: str, tmp_path: Path) -> None:
    model = build(key)
    found = load_student(save_weights(tmp_path / "model.safetensors", model).path)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert found(images).equal(model(images))


@every_model
def test_its_docstring_says_what_it_is(key: str) -> None:
    assert len((MODELS.find(key).__doc__ or "").partition("\n")[0]) > 20


@pytest.mark.parametrize("key", EXPORTED)
def test_it_can_be_exported(key: str) -> None:
    model = build(key)
    images = torch.rand(2, 3, 32, 32)
    exported = torch.export.export(model, (images,)).module()
    torch.testing.assert_close(exported(images), model(images))
