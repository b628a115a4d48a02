from __future__ import annotations

import pytest
import torch

from distill_core.outputs.samples import count_samples, device_of, move_samples, take_samples, write_zeros
from distill_core.tensors import Inputs
from tests.distill_core.outputs.models import list_tensors, make_images, make_list, make_tokens


def test_samples_are_counted_whatever_their_shape() -> None:
    assert [count_samples(inputs) for inputs in (make_images(), make_tokens(), make_list())] == [5, 4, 3]


def test_samples_come_over_again_where_more_are_wanted() -> None:
    images, tokens, several = make_images(), make_tokens(), make_list()
    repeated = take_samples(images, 7)
    assert repeated.equal(torch.cat([images, images[:2]]))
    named = take_samples(tokens, 5)
    assert named["input_ids"][4].equal(tokens["input_ids"][0])
    assert [tuple(image.shape) for image in take_samples(several, 4)] == [(3, 8, 8), (3, 8, 9), (3, 8, 10), (3, 8, 8)]


def test_samples_move_as_one() -> None:
    meta = torch.device("meta")
    assert {device_of(move_samples(inputs, meta)) for inputs in (make_images(), make_tokens(), make_list())} == {meta}


@pytest.mark.parametrize("inputs", [make_images(), make_tokens(), make_list()])
def test_code_for_zeros_makes_one_sample_of_the_same_shape_and_type(inputs: Inputs) -> None:
    code = write_zeros(inputs)
    words = f"dict({', '.join(f'{name}={zeros}' for name, zeros in code.items())})" if isinstance(code, dict) else code
    made = eval(str(words), {"torch": torch})  # noqa: S307  our own text
    expected = list_tensors(take_samples(inputs, 1))
    assert [(each.shape, each.dtype) for each in list_tensors(made)] == [(each.shape, each.dtype) for each in expected]
