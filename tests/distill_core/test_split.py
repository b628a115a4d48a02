"""A model split at a place: both parts together compute what the whole does, with the whole's own modules."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.models import MODELS
from distill_core.split import take_head, take_tail
from distill_core.tap import Place, Taps

OPTIONS = {"num_classes": 5, "in_channels": 1, "image_size": 8}
PLACES = [
    *(("resnet8", path) for path in ("stem", "stage2", "stage2.pre", "stage1.0", "stage3", "pooled")),
    *(("light_nn", path) for path in ("stem", "stage1", "pooled")),
    *(("reused_classifier", path) for path in ("stage2", "encoder.stage1.0", "projector.1", "pooled")),
]
"""Models, and where they are split."""


class Skipping(nn.Module):
    """A model whose end needs its input again."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return second(first(x)) + x."""
        result: Tensor = self.second(self.first(x)) + x
        return result


class Choosing(Skipping):
    """A model whose path depends on the values."""

    def forward(self, x: Tensor) -> Tensor:
        """Return one of two layers' output."""
        result: Tensor = self.second(x) if x.sum() > 0 else self.first(x)
        return result


@pytest.mark.parametrize(("key", "path"), PLACES)
def test_both_parts_make_the_whole(key: str, path: str) -> None:
    model = MODELS.create(key, OPTIONS).eval()
    images = torch.rand(3, 1, 8, 8)
    head, tail = take_head(model, path), take_tail(model, path)
    taps = Taps(model, [Place(path)])
    with torch.no_grad():
        assert head(images).equal(taps.run(images)[Place(path)])
        assert tail(head(images)).equal(model(images))
    taps.remove()


def test_the_parts_hold_what_they_run_and_nothing_else_under_its_own_name() -> None:
    model = MODELS.create("resnet8", OPTIONS)
    head, tail = take_head(model, "stage2"), take_tail(model, "stage2")
    own = model.state_dict()
    assert set(head.state_dict()) | set(tail.state_dict()) == set(own)
    assert not set(head.state_dict()) & set(tail.state_dict())
    assert {name.partition(".")[0] for name in tail.state_dict()} == {"stage3", "classifier"}
    parameters = dict(model.named_parameters())
    for part in (head, tail):
        assert all(parameter is parameters[name] for name, parameter in part.named_parameters())


def test_a_split_leaves_the_model_as_it_was() -> None:
    model = MODELS.create("resnet8", OPTIONS).eval()
    images = torch.rand(2, 1, 8, 8)
    before = model(images)
    take_head(model, "stage1").train()
    assert not model.training
    assert {module.training for module in model.stage3.modules()} == {False}  # type: ignore[union-attr]
    assert model.eval()(images).equal(before)


def test_a_place_that_does_not_exist_is_refused_with_its_pointer() -> None:
    with pytest.raises(SpecError) as caught:
        take_head(MODELS.create("resnet8", OPTIONS), "stag2", "/params/place")
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == ("/params/place", "unknown_name")
    assert "stage2" in problem.nearest


@pytest.mark.parametrize(("model", "message"), [(Skipping(), "needs the input as well"), (Choosing(), "control flow")])
def test_a_model_that_has_no_two_parts_is_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        take_tail(model, "first", "/x")
    assert caught.value.problems[0].code == "model_unsplittable"
