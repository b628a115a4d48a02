from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from distill_core.models import MODELS
from distill_core.tap import Place, Taps
from distill_core.weights import load_weights

COUNTS = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet152": 60_192_808}
OPTIONS = {"num_classes": 10, "in_channels": 3, "image_size": 64}


@pytest.mark.parametrize(("key", "expected"), COUNTS.items())
def test_parameter_counts_and_names_of_weights_are_those_of_torchvision(key: str, expected: int) -> None:
    with torch.device("meta"):
        model = MODELS.create(key, OPTIONS | {"num_classes": 1000})
        other = getattr(models, key)()
    assert sum(parameter.numel() for parameter in model.parameters()) == expected
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in other.state_dict().items()}


@pytest.mark.parametrize("key", ["resnet18", "resnet50"])
def test_a_file_of_torchvisions_weights_gives_torchvisions_logits(key: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    other = getattr(models, key)(num_classes=10).eval()
    model = MODELS.create(key, OPTIONS).eval()
    save_file(other.state_dict(), tmp_path / "weights.safetensors")
    load_weights(model, tmp_path / "weights.safetensors")
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(images), other(images))


@pytest.mark.parametrize("key", ["resnet18", "resnet50"])
def test_a_stage_is_the_relu_of_the_sum_of_its_last_block(key: str) -> None:
    torch.manual_seed(0)
    model = MODELS.create(key, OPTIONS).eval()
    points = ("stem", "stage1", "stage2", "stage3", "stage4")
    with torch.no_grad():
        places = [Place(name + end) for name in points for end in ("", ".pre")]
        caught = Taps(model, places).run(torch.rand(2, 3, 64, 64))
    for name in points:
        assert (caught[Place(f"{name}.pre")] < 0).any()
        assert caught[Place(name)].equal(caught[Place(f"{name}.pre")].relu())
    widths = [caught[Place(name)].shape[1] // model.block.expansion for name in points[1:]]  # type: ignore[union-attr]
    assert widths == [64, 128, 256, 512]
