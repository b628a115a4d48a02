from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.models import MODELS
from distill_core.tap import LOGITS, Place, Taps, forward_views

OPTIONS = {"num_classes": 10, "in_channels": 1, "image_size": 8}


@pytest.fixture
def model() -> nn.Module:
    return MODELS.create("resnet8", OPTIONS).eval()


def test_taps_hand_out_feature_points_module_paths_and_inputs(model: nn.Module) -> None:
    taps = Taps(model, [LOGITS, Place("stage2"), Place("stage2.relu", "in"), Place("stage1.0.conv1")])
    caught = taps.run(torch.rand(3, 1, 8, 8))
    assert caught[LOGITS].shape == (3, 10)
    assert caught[Place("stage1.0.conv1")].shape == (3, 16, 8, 8)
    assert caught[Place("stage2")].equal(caught[Place("stage2.relu", "in")].relu())
    assert (caught[Place("stage2.relu", "in")] < 0).any()


def test_a_place_that_does_not_exist_is_refused_with_the_nearest_names(model: nn.Module) -> None:
    with pytest.raises(SpecError) as caught:
        Taps(model, [Place("stage9")])
    assert "stage1" in caught.value.problems[0].nearest


def test_hooks_are_gone_after_removal(model: nn.Module) -> None:
    taps = Taps(model, [LOGITS, Place("stem", "in")])
    assert sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()) == 2
    taps.remove()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_half_precision_activations_come_out_as_float32() -> None:
    model = nn.Sequential(nn.Linear(4, 2))
    assert (
        Taps(model.bfloat16(), [Place("0")]).run(torch.ones(1, 4, dtype=torch.bfloat16))[Place("0")].dtype
        == torch.float32
    )
    assert (
        Taps(model.double(), [Place("0")]).run(torch.ones(1, 4, dtype=torch.float64))[Place("0")].dtype == torch.float64
    )


def test_equal_shaped_views_share_one_forward_and_others_get_their_own() -> None:
    sizes: list[tuple[int, ...]] = []

    def run(images: Tensor) -> Mapping[Place, Tensor]:
        sizes.append(tuple(images.shape))
        return {LOGITS: images.mean((1, 2, 3))}

    images = {"a": torch.zeros(2, 1, 4, 4), "b": torch.ones(2, 1, 4, 4), "c": torch.ones(2, 1, 8, 8) * 2}
    activations = forward_views(run, images)
    assert sizes == [(4, 1, 4, 4), (2, 1, 8, 8)]
    assert {view: caught[LOGITS].tolist() for view, caught in activations.items()} == {
        "a": [0, 0],
        "b": [1, 1],
        "c": [2, 2],
    }
