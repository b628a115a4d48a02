from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from distill_core.models import MODELS
from distill_core.place import LOGITS, Place, find_part
from distill_core.probe import find_feature_points, give_feature_points
from distill_core.tap import Taps
from tests.distill_core.engine.stages import Ground, document
from tests.distill_core.outputs.models import Reader, make_tokens

DENSENET = "features.pool0 features.denseblock1 features.denseblock2 features.denseblock3 features.denseblock4"
EFFICIENTNET = "features.0 features.1 features.2 features.3 features.5 features.7"
REGNET = "stem trunk_output.block1 trunk_output.block2 trunk_output.block3 trunk_output.block4"
FOUR_STAGES = "features.0 features.1 features.3 features.5 features.7"
LAYERS = " ".join(f"encoder.layers.encoder_layer_{number}" for number in (2, 5, 8, 11))

FAMILIES = {
    "resnet18": (64, "maxpool layer1 layer2 layer3 layer4 fc:in fc"),
    "densenet121": (64, f"{DENSENET} classifier:in classifier"),
    "mobilenet_v2": (
        64,
        "features.0 features.1 features.3 features.6 features.13 features.17 classifier:in classifier.1",
    ),
    "mobilenet_v3_small": (64, "features.0 features.1 features.3 features.8 features.11 classifier:in classifier.3"),
    "mnasnet0_5": (64, "layers.7 layers.8 layers.9 layers.11 layers.13 classifier:in classifier.1"),
    "efficientnet_b0": (64, f"{EFFICIENTNET} classifier:in classifier.1"),
    "regnet_y_400mf": (64, f"{REGNET} fc:in fc"),
    "googlenet": (64, "maxpool2 inception3b inception4e inception5b dropout:in fc"),
    "vgg11": (64, "features.1 features.4 features.9 features.14 features.19 classifier:in classifier.6"),
    "alexnet": (64, "features.1 features.4 features.11 classifier:in classifier.6"),
    "convnext_tiny": (64, f"{FOUR_STAGES} classifier.2:in classifier.2"),
    "swin_t": (64, f"{FOUR_STAGES} head:in head"),
    "maxvit_t": (224, "stem blocks.0 blocks.1 blocks.2 blocks.3 classifier.2:in classifier.5"),
    "vit_b_32": (224, f"encoder.dropout {LAYERS} heads:in heads.head"),
}
"""Family -> side of its images, and its places in order: stem, stages, pooled, logits."""


def build(name: str, side: int = 64) -> tuple[nn.Module, Tensor]:
    """Return a classifier of torchvision and images, both without numbers: a probe looks at shapes alone."""
    options: dict[str, Any] = {"init_weights": False} if name == "googlenet" else {}
    with torch.device("cpu" if name.startswith("regnet") else "meta"):  # RegNets compute their widths with tensors
        model: nn.Module = torchvision.models.get_model(name, weights=None, **options)
    return model.to("meta"), torch.empty(2, 3, side, side, device="meta")


def write(place: Place) -> str:
    """Return a place in short."""
    return f"{place.path}{':in' if place.side == 'in' else ''}"


@pytest.mark.parametrize("name", FAMILIES)
def test_the_stages_of_a_family_are_found(name: str) -> None:
    side, expected = FAMILIES[name]
    points = find_feature_points(*build(name, side))
    stages = [f"stage{number}" for number in range(1, len(expected.split()) - 2)]
    assert list(points) == ["stem", *stages, "pooled", "logits"]
    assert " ".join(map(write, points.values())) == expected


def test_a_classifier_that_is_a_convolution_has_no_vector_and_the_model_itself_returns_the_logits() -> None:
    points = find_feature_points(*build("squeezenet1_1"))
    assert [*map(write, points.values())] == ["features.2", "features.4", "features.7", "features.12", ""]
    assert "pooled" not in points


def test_stages_that_the_model_counts_itself_keep_their_numbers() -> None:
    points = find_feature_points(*build("shufflenet_v2_x0_5"))
    assert [name for name in points if name.startswith("stage")] == ["stage2", "stage3", "stage4"]
    assert all(points[name] == Place(name) for name in ("stage2", "stage3", "stage4"))


def test_maps_whose_channels_come_last_are_read_by_the_images_aspect() -> None:
    model, _ = build("swin_t")
    assert find_feature_points(model, torch.empty(2, 3, 64, 160, device="meta"))["stage3"] == Place("features.5")


@pytest.fixture(scope="module")
def resnet18() -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    return model


IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_a_probe_leaves_a_model_as_it_was(resnet18: nn.Module) -> None:
    resnet18.train()
    resnet18.layer1.eval()  # type: ignore[union-attr]
    modes = [module.training for module in resnet18.modules()]
    before = {name: tensor.clone() for name, tensor in resnet18.state_dict().items()}
    state = torch.get_rng_state()
    find_feature_points(resnet18, IMAGES)
    assert torch.get_rng_state().equal(state)
    assert all(tensor.equal(before[name]) for name, tensor in resnet18.state_dict().items())
    assert [module.training for module in resnet18.modules()] == modes
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in resnet18.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in resnet18.parameters())


def test_hooks_are_gone_when_the_forward_pass_fails(resnet18: nn.Module) -> None:
    with pytest.raises(RuntimeError, match="channels"):
        find_feature_points(resnet18, torch.rand(2, 1, 32, 32))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in resnet18.modules())


def test_taps_read_the_points_that_a_model_was_given(resnet18: nn.Module) -> None:
    model = resnet18.eval()
    give_feature_points(model, IMAGES)
    names = ("stem", "stage1", "stage4", "stage4.pre", "pooled", "logits")
    taps = Taps(model, map(Place, names))
    caught = {place.path: tensor for place, tensor in taps.probe(IMAGES).items()}
    taps.remove()
    shapes = [(3, 64, 8, 8), (3, 64, 8, 8), (3, 512, 1, 1), (3, 512, 1, 1), (3, 512), (3, 10)]
    assert [tuple(caught[name].shape) for name in names] == shapes
    assert caught["stage4"].equal(caught["stage4.pre"].relu())
    assert caught["pooled"].equal(caught["stage4"].flatten(1))
    assert caught["logits"].equal(model(IMAGES))


def test_a_pass_that_needs_only_the_pooled_vector_ends_before_the_classifier(resnet18: nn.Module) -> None:
    give_feature_points(resnet18, IMAGES)
    calls: list[nn.Module] = []
    taps = Taps(resnet18, [Place("pooled")])
    taps.probe(IMAGES)
    hook = resnet18.get_submodule("fc").register_forward_hook(lambda module, *_: calls.append(module))
    taps.run(IMAGES)
    taps.remove()
    hook.remove()
    assert calls == []


def test_stages_of_small_images_are_those_of_large_ones(resnet18: nn.Module) -> None:
    large = find_feature_points(resnet18, torch.rand(2, 3, 64, 64))
    assert find_feature_points(resnet18, torch.rand(1, 3, 8, 8)) == large


def test_a_model_of_one_size_of_images_is_probed_with_that_size() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, 1, 1), nn.Flatten())
    model.append(nn.Linear(128, 3))
    points = find_feature_points(model, torch.rand(2, 1, 8, 8))
    assert [*map(write, points.values())] == ["1", "3", "5:in", "5"]


def test_a_model_that_declares_its_points_keeps_them() -> None:
    model = MODELS.create("resnet8", {"num_classes": 10, "in_channels": 1, "image_size": 8})
    give_feature_points(model, torch.rand(2, 1, 8, 8))
    assert "feature_points" not in vars(model)


def test_each_block_of_a_short_transformer_is_a_stage_and_an_entry_that_a_module_returned_is_its_output() -> None:
    points = find_feature_points(Reader(), make_tokens())
    assert points == {
        "stem": Place("embedding"),
        "stage1": Place("encoder.layers.0"),
        "pooled": Place("head", "in"),
        "logits": Place("head"),
    }


class Repeating(nn.Module):
    """Runs one block several times, and returns logits that no module returned."""

    def __init__(self, num_calls: int) -> None:
        super().__init__()
        self.num_calls = num_calls
        self.embedding = nn.Linear(4, 8)
        self.block = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return states [B L 8] and logits [B 3] of x [B L 4]."""
        x = self.embedding(x)
        for _ in range(self.num_calls):
            x = x + self.block(x)
        return {"states": x, "logits": self.head(x.mean(1)) / 2}


def test_calls_of_a_shared_block_are_divided_into_four_stages() -> None:
    model, x = Repeating(9), torch.rand(2, 5, 4)
    points = find_feature_points(model, x)
    assert points["stem"] == Place("embedding")
    assert [points[f"stage{number}"].call for number in range(1, 5)] == [1, 3, 5, None]  # of nine, the last is no. 8
    give_feature_points(model, x)
    taps = Taps(model, [Place("stage2"), LOGITS, Place("pooled")])
    caught = taps.probe(x)
    states = model.embedding(x)
    for _ in range(3):
        states = states + model.block(states)
    assert caught[Place("stage2")].equal(model.block(states))
    assert points["logits"] == Place("", key="logits")
    assert caught[LOGITS].equal(model(x)["logits"])
    assert caught[Place("pooled")].equal(model(x)["states"].mean(1))


def test_logits_are_what_a_last_softmax_is_given() -> None:
    points = find_feature_points(
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)), torch.rand(2, 4)
    )
    assert points == {"pooled": Place("3", "in"), "logits": Place("3", "in")}


def test_a_model_without_declared_points_learns_and_teaches_through_the_engine(tmp_path: Path) -> None:
    torch.manual_seed(0)
    student, teacher = (torchvision.models.resnet18(num_classes=10) for _ in range(2))
    for model in (student, teacher):
        model.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    objective = {
        "hint": {"method": "fitnet", "params": {"student_place": "stage2", "teacher_place": "stage3"}},
        "kd": {"method": "kd"},
    }
    changes = {"frozen": ["stem", "stage1"], "epochs": 1}
    ground = Ground.of(document({"objective": objective} | changes), tmp_path)
    ground = replace(ground, carry=replace(ground.carry, models={"student": student, "teacher": teacher}))
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    ground.run()
    moved = {name.split(".")[0] for name, tensor in student.state_dict().items() if not tensor.equal(before[name])}
    assert moved == {"conv1", "bn1", "layer2", "layer3", "layer4", "fc"}
    assert find_part(student, "stage2") is student.layer2
