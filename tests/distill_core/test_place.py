from __future__ import annotations

import pytest
from torch import nn

from distill_core.errors import SpecError
from distill_core.models import MODELS
from distill_core.place import Place, find_module, find_part, find_place, list_feature_modules, list_feature_points


@pytest.fixture
def found() -> nn.Module:
    """A model that carries what a probe may find: outputs, an input, a call and an entry."""
    block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    model = nn.ModuleDict({"first": nn.Linear(4, 4), "block": block, "head": nn.Sequential(nn.ReLU(), nn.Linear(4, 2))})
    points = {
        "stem": Place("first"),
        "stage1": Place("block", call=0),
        "stage2": Place("block"),
        "pooled": Place("head", "in"),
        "logits": Place("", key="logits"),
    }
    model.feature_points = points  # type: ignore[assignment]
    return model


def test_a_place_is_found_by_the_feature_point_that_a_model_carries(found: nn.Module) -> None:
    assert find_place(found, Place("stage1")) == Place("block", call=0)
    assert find_place(found, Place("pooled", view="main")) == Place("head", "in", view="main")
    assert find_place(found, Place("logits")) == Place("", key="logits")
    assert find_place(found, Place("stem", "in")) == Place("first", "in")
    assert find_place(found, Place("logits", key="other")) == Place("", key="other")


def test_before_the_activation_means_that_of_the_point_itself(found: nn.Module) -> None:
    assert find_place(found, Place("stage2.pre")) == Place("block.1", "in")
    with pytest.raises(SpecError, match="'pooled' holds no activation module"):
        find_place(found, Place("pooled.pre"))  # the activation in the classifier comes later


def test_a_point_that_is_no_output_of_a_module_names_no_module(found: nn.Module) -> None:
    assert find_module(found, "stage2") is found.get_submodule("block")
    assert find_part(found, "head") is found.get_submodule("head")
    for point in ("stage1", "pooled", "logits"):
        with pytest.raises(SpecError, match=f"'{point}' of ModuleDict is no module; it is the place"):
            find_module(found, point)
    assert list_feature_modules(found) == {"stem": "first", "stage2": "block"}


def test_declared_points_are_outputs_of_modules_unless_they_say_before() -> None:
    model = MODELS.create("resnet8", {"num_classes": 10, "in_channels": 1, "image_size": 8})
    assert list_feature_points(model)["stage2"] == Place("stage2.relu")
    model.feature_points = {"stage1.pre": "stage1.relu"}  # type: ignore[misc]
    assert find_place(model, Place("stage1.pre")) == Place("stage1.relu", "in")
