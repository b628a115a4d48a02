from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torchvision import models

from distill_core.models import MODELS
from distill_core.tap import Place, Taps

COUNTS = {"mobilenet_v3_large": 5_483_032, "efficientnet_b0": 5_288_548, "vit_b_16": 86_567_656}
CNNS = ("mobilenet_v3_large", "efficientnet_b0")
IMAGENET = {"num_classes": 1000, "in_channels": 3, "image_size": 224}
STAGES = ("stage1", "stage2", "stage3", "stage4")


@pytest.mark.parametrize(("key", "expected"), COUNTS.items())
def test_parameter_counts_and_names_of_weights_are_those_of_torchvision(key: str, expected: int) -> None:
    with torch.device("meta"):
        model = MODELS.create(key, IMAGENET)
        other = getattr(models, key)()
    assert sum(parameter.numel() for parameter in model.parameters()) == expected
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in other.state_dict().items()}


@pytest.mark.parametrize("key", CNNS)
def test_torchvisions_weights_give_torchvisions_logits_in_training_too(key: str) -> None:
    other = getattr(models, key)(num_classes=10)
    model = MODELS.create(key, IMAGENET | {"num_classes": 10, "image_size": 64})
    model.load_state_dict(other.state_dict())
    images, said = torch.rand(4, 3, 64, 64), []
    for net in (model, other):
        torch.manual_seed(0)  # dropout and stochastic depth
        said.append(net(images))
    torch.testing.assert_close(said[0], said[1])


def test_torchvisions_weights_give_the_logits_of_its_transformer() -> None:
    torch.manual_seed(0)
    other = models.vit_b_16(num_classes=10, image_size=32).eval()
    torch.nn.init.normal_(other.heads.head.weight)  # torchvision begins with zeros
    model = MODELS.create("vit_b_16", {"num_classes": 10, "in_channels": 3, "image_size": 32}).eval()
    model.load_state_dict(other.state_dict())
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images), other(images))


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("channels", [1, 4])
def test_the_first_convolution_takes_the_channels_of_the_images(key: str, channels: int) -> None:
    with torch.device("meta"), torch.no_grad():
        model = MODELS.create(key, {"num_classes": 10, "in_channels": channels, "image_size": 32}).eval()
        assert model(torch.rand(2, channels, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("key", "shapes"),
    [
        ("mobilenet_v3_large", [(24, 56, 56), (40, 28, 28), (112, 14, 14), (160, 7, 7)]),
        ("efficientnet_b0", [(24, 56, 56), (40, 28, 28), (112, 14, 14), (320, 7, 7)]),
        ("vit_b_16", [(197, 768)] * 4),
    ],
)
def test_stages_end_where_the_resolution_changes_or_after_a_quarter_of_the_blocks(
    key: str, shapes: list[tuple[int, ...]]
) -> None:
    with torch.device("meta"), torch.no_grad():
        model = MODELS.create(key, IMAGENET).eval()
        caught = Taps(model, [Place(name) for name in STAGES]).run(torch.rand(2, 3, 224, 224))
    assert [tuple(caught[Place(name)].shape[1:]) for name in STAGES] == shapes


@pytest.mark.parametrize("key", CNNS)
def test_a_stage_ends_linearly_so_that_before_its_activation_is_the_stage_itself(key: str) -> None:
    torch.manual_seed(0)
    model = MODELS.create(key, IMAGENET | {"image_size": 64}).eval()
    with torch.no_grad():
        places = [Place(name + end) for name in STAGES for end in ("", ".pre")]
        caught = Taps(model, places).run(torch.rand(2, 3, 64, 64))
    for name in STAGES:
        assert caught[Place(f"{name}.pre")].equal(caught[Place(name)])
        assert (caught[Place(name)] < 0).any()


def test_listing_the_models_does_not_import_torchvision() -> None:
    code = "import sys; from distill_core.models import MODELS; list(MODELS); print('torchvision' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
