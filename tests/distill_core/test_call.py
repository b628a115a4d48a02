from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distill_core.call import list_tensors, record_calls, undisturbed


class Pair(nn.Module):
    """Returns a number and a map, and notes in a buffer that it was called."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[int, Tensor]:
        """Return 1 and the map [B 4 H/2 W/2] of images [B 3 H W], with noise."""
        self.count += 1
        return 1, self.conv(x) + torch.rand(())


IMAGES = torch.rand(2, 3, 8, 16)


def test_calls_are_written_down_as_the_tree_that_they_are() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU()), nn.Flatten(), nn.Linear(128, 2))
    root, output = record_calls(model, IMAGES)
    assert [call.path for call in root.inside()] == ["", "0", "0.0", "0.1", "1", "2"]
    assert [call.returned for call in root.inside()] == [None, (4, 8), (4, 8), (4, 8), None, None]
    assert [call.path for call in root.inside() if call.is_given_vectors] == ["2"]
    assert (root.taken, root.calls[0].taken) == ((8, 16), (8, 16))
    assert [call.num_matrices for call in root.calls] == [1, 0, 1]
    assert root.calls[2].result_is(output)


def test_positions_are_those_that_fit_the_aspect_of_the_images() -> None:
    class Turned(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.permute(0, 2, 3, 1)

    root, _ = record_calls(nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1), Turned()), IMAGES)
    assert [call.returned for call in root.inside()] == [(4, 8)] * 3


def test_what_has_another_number_of_rows_than_the_batch_is_no_map() -> None:
    root, _ = record_calls(nn.Sequential(nn.Flatten(0, 1), nn.Identity()), torch.rand(2, 4, 6, 8))
    assert [call.returned for call in root.inside()] == [None, None, None]
    root, _ = record_calls(nn.Sequential(nn.Identity()), torch.rand(2, 5, 8))
    assert root.returned == (5,)


def test_a_recorded_pass_leaves_buffers_modes_random_numbers_and_hooks_alone() -> None:
    model = Pair().train()
    state = torch.get_rng_state()
    root, _ = record_calls(model, IMAGES)
    assert (root.key, root.returned) == (1, (4, 8))
    assert (float(model.count), model.training) == (0.0, True)
    assert torch.get_rng_state().equal(state)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_model_comes_out_undisturbed_of_an_error_too() -> None:
    model = Pair()
    with pytest.raises(RuntimeError), undisturbed(model):
        model.eval()(torch.cat([IMAGES, IMAGES], dim=1))
    assert (float(model.count), model.training) == (0.0, True)


def test_tensors_are_listed_with_the_keys_of_their_entries() -> None:
    one, whole = torch.rand(2), torch.ones(2, dtype=torch.int64)
    assert list_tensors(one) == [(None, one)]
    assert [key for key, _ in list_tensors({"ids": whole, "a": one, "b": one, "c": None})] == ["a", "b"]
    assert [key for key, _ in list_tensors((1, one))] == [1]
    assert list_tensors(None) == []
