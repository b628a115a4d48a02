from __future__ import annotations

import pytest
import torch

from distill_core.models import MODELS

CIFAR = {"num_classes": 10, "in_channels": 3, "image_size": 32}

PAPER = {
    "resnet8": 89_322,
    "resnet14": 186_538,
    "resnet20": 283_754,
    "resnet26": 380_970,
    "resnet32": 478_186,
    "resnet44": 672_618,
    "resnet56": 867_050,
}


def closed_form(num_blocks: int) -> int:
    """Count stem, first blocks with their shortcuts, further blocks and classifier by hand."""

    def conv(size: int, fan_in: int, fan_out: int) -> int:
        return size * size * fan_in * fan_out + 2 * fan_out

    total = conv(3, 3, 64) + 256 * 10 + 10
    for fan_in, width in ((64, 16), (16, 32), (32, 64)):
        total += conv(3, fan_in, width) + conv(3, width, width) + conv(1, fan_in, width)
        total += (num_blocks - 1) * 2 * conv(3, width, width)
    return total


@pytest.mark.parametrize(("key", "count"), PAPER.items())
def test_parameter_counts_are_those_of_the_paper(key: str, count: int) -> None:
    assert sum(parameter.numel() for parameter in MODELS.create(key, CIFAR).parameters()) == count


def test_resnet110_has_eighteen_blocks_a_stage() -> None:
    assert closed_form(7) == PAPER["resnet44"]
    count = sum(parameter.numel() for parameter in MODELS.create("resnet110", CIFAR).parameters())
    assert count == closed_form(18)


def test_blocks_join_linearly_and_stages_end_in_a_relu() -> None:
    torch.manual_seed(0)
    model = MODELS.create("resnet14", CIFAR).eval()
    x = model.stem(torch.rand(2, 3, 32, 32))  # type: ignore[operator]
    assert (model.get_submodule("stage1.0")(x) < 0).any()
    assert (model.get_submodule("stage1")(x) >= 0).all()


@pytest.mark.parametrize(("size", "features"), [(4, 64), (8, 64), (28, 64), (32, 256), (64, 1024)])
def test_the_classifier_fits_any_image_size(size: int, features: int) -> None:
    model = MODELS.create("resnet8", CIFAR | {"image_size": size})
    assert model.get_parameter("classifier.weight").shape == (10, features)
    assert model.eval()(torch.rand(2, 3, size, size)).shape == (2, 10)
