from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from distill_core.source import Source, forward_sources
from distill_core.tap import LOGITS, Place
from distill_core.tensors import Batch, Inputs

MAIN, OTHER, LARGE = Source("main"), Source("other"), Source("large")
EXTRA = Source("main", "extra")


class Counting:
    """A forward pass that remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any]] = []

    def __call__(self, inputs: Inputs, targets: Any) -> Mapping[Place, Any]:
        self.calls.append((inputs, targets))
        if isinstance(inputs, Tensor):
            return {LOGITS: inputs.flatten(1).mean(1)}
        if isinstance(inputs, Mapping):
            return {LOGITS: inputs["ids"].float().mean(1)}
        return {LOGITS: torch.stack([image.mean() for image in inputs])}


def batch(**inputs: Any) -> Batch:
    extra = Batch(torch.arange(3), None, {"main": torch.full((3, 1, 4, 4), 5.0)})
    return Batch(torch.arange(2), torch.tensor([1, 2]), inputs, extras={"extra": extra})


def test_equal_shaped_views_and_streams_share_one_pass_and_others_get_their_own() -> None:
    run = Counting()
    whole = batch(main=torch.zeros(2, 1, 4, 4), other=torch.ones(2, 1, 4, 4), large=torch.full((2, 1, 8, 8), 2.0))
    said = forward_sources(run, whole, [MAIN, OTHER, LARGE, EXTRA])
    assert [tuple(inputs.shape) for inputs, _ in run.calls] == [(7, 1, 4, 4), (2, 1, 8, 8)]
    assert {source: places[LOGITS].tolist() for source, places in said.items()} == {
        MAIN: [0, 0],
        OTHER: [1, 1],
        LARGE: [2, 2],
        EXTRA: [5, 5, 5],
    }


def test_dictionaries_of_equal_form_are_joined() -> None:
    run = Counting()
    whole = batch(main={"ids": torch.zeros(2, 4)}, other={"ids": torch.ones(2, 4)}, large={"ids": torch.ones(2, 9)})
    said = forward_sources(run, whole, [MAIN, OTHER, LARGE])
    assert [inputs["ids"].shape for inputs, _ in run.calls] == [(4, 4), (2, 9)]
    assert said[OTHER][LOGITS].tolist() == [1, 1]


def test_lists_of_images_go_one_by_one_with_their_targets() -> None:
    run = Counting()
    images = [torch.zeros(1, 3, 3), torch.ones(1, 5, 4)]
    said = forward_sources(run, batch(main=images, other=images), [MAIN, OTHER])
    assert len(run.calls) == 2
    assert run.calls[0][1].tolist() == [1, 2]
    assert said[OTHER][LOGITS].tolist() == [0, 1]


def test_what_has_no_row_a_sample_cannot_be_told_apart_by_view() -> None:
    whole = batch(main=torch.zeros(2, 1, 4, 4), other=torch.ones(2, 1, 4, 4))
    with pytest.raises(ValueError, match=r"'logits' gives \(\) for 4 samples"):
        forward_sources(lambda inputs, _: {LOGITS: inputs.mean()}, whole, [MAIN, OTHER])  # type: ignore[union-attr]
