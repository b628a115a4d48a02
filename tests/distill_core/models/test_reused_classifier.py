"""A student's encoder under a teacher's classifier: sizes of all kinds, files, exports, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from distill_core.errors import SpecError
from distill_core.models import MODELS
from distill_core.models.reused_classifier import ReusedClassifier
from distill_core.weights import load_student, save_weights

IMAGES = {"num_classes": 5, "in_channels": 1, "image_size": 16}


def build(**options: Any) -> ReusedClassifier:
    torch.manual_seed(0)
    model = MODELS.create("reused_classifier", IMAGES | options)
    assert isinstance(model, ReusedClassifier)
    return model.eval()


@pytest.mark.parametrize(("factor", "hidden"), [(2, 32), (4, 16), (64, 1)])
def test_the_projector_narrows_and_widens_again(factor: int, hidden: int) -> None:
    convolutions = [layer for layer in build(factor=factor).projector.children() if isinstance(layer, torch.nn.Conv2d)]
    assert [tuple(layer.weight.shape) for layer in convolutions] == [
        (hidden, 64, 1, 1),
        (hidden, hidden, 3, 3),
        (64, hidden, 1, 1),
    ]
    assert all(layer.bias is None for layer in convolutions)


def test_a_larger_map_of_the_student_is_pooled_before_the_projector() -> None:
    model = build(student_place="stage1")
    images = torch.rand(2, 1, 16, 16)
    pooled = functional.avg_pool2d(model.encoder(images), 4)
    assert pooled.shape == (2, 16, 4, 4)
    assert model(images).equal(model.classifier(model.projector(pooled)))


def test_a_smaller_projection_is_repeated() -> None:
    model = build(teacher_place="stage1")
    images = torch.rand(2, 1, 16, 16)
    projected = model.projector(model.encoder(images))
    repeated = projected.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert repeated.shape == (2, 16, 16, 16)
    assert model(images).equal(model.classifier(repeated))


def test_it_holds_the_lower_part_of_one_model_and_the_upper_of_the_other() -> None:
    model = build(student="resnet14", student_place="stage2", teacher="resnet26", teacher_place="stage2")
    parts = {name.rpartition(".")[0].partition(".conv")[0].partition(".bn")[0] for name in model.state_dict()}
    assert {"encoder.stage2.1", "classifier.stage3.3", "classifier.classifier"} <= parts
    assert not {"encoder.stage3.0", "encoder.classifier", "classifier.stage2.0", "classifier.stem"} & parts
    assert set(model.feature_points) == {"stem", "stage1", "stage2", "stage3", "pooled", "logits"}


def test_it_comes_back_from_its_file_with_other_ends_than_the_default(tmp_path: Path) -> None:
    model = build(student="light_nn", student_place="stage1", teacher="resnet14", factor=3)
    found = load_student(save_weights(tmp_path / "student.safetensors", model).path)
    images = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        assert found(images).equal(model(images))


def test_it_can_be_exported() -> None:
    model, images = build(student_place="stage2"), torch.rand(4, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.export(model, (images,)).module()(images), model(images))


@pytest.mark.parametrize(
    ("options", "pointer", "code"),
    [
        ({"student": "resnet9"}, "/params/student", "unknown_name"),
        ({"teacher_params": {"depth": 3}}, "/params/teacher/params/depth", "field_unknown"),
        ({"student_place": "stag3"}, "/params/student_place", "unknown_name"),
        ({"teacher_place": "pooled"}, "/params/teacher_place", "shape_unfit"),
        ({"student_place": "logits"}, "/params/student_place", "shape_unfit"),
    ],
)
def test_ends_that_cannot_be_are_refused_where_they_stand(options: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        build(**options)
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == (pointer, code)
