from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from distill_core.distributed import World, synchronise_batchnorm

TWO = World(rank=0, size=2, local_rank=0, local_size=2, backend="gloo")


class Activated(nn.BatchNorm1d):
    """A BatchNorm with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised positive part."""
        return super().forward(x).relu()


def test_modules_parameters_and_keys_stay_the_same_objects() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    modules, parameters, keys = dict(model.named_modules()), dict(model.named_parameters()), list(model.state_dict())
    with synchronise_batchnorm(model, TWO):
        assert "forward" in vars(model[1])
        assert all(modules[path] is module for path, module in model.named_modules())
        assert all(parameters[path] is parameter for path, parameter in model.named_parameters())
        assert list(model.state_dict()) == keys
        assert type(model[1]) is nn.BatchNorm1d
    assert "forward" not in vars(model[1])


def test_a_frozen_batchnorm_asks_nobody_and_its_hooks_still_run() -> None:
    module = nn.BatchNorm2d(2).eval()
    x, seen = torch.randn(3, 2, 4, 4), []
    expected = module(x)
    module.register_forward_hook(lambda *_: seen.append("called"))
    with synchronise_batchnorm(module, TWO):
        assert torch.equal(module(x), expected)
    assert seen == ["called"]


def test_a_copy_of_a_synchronised_module_has_weights_of_its_own() -> None:
    module = nn.BatchNorm1d(2).eval()
    with synchronise_batchnorm(module, TWO):
        copy = deepcopy(module)
    with torch.no_grad():
        copy.weight.fill_(0)
        copy.bias.fill_(7)
    x = torch.randn(3, 2)
    assert torch.equal(copy(x), torch.full((3, 2), 7.0))
    assert not torch.equal(module(x), copy(x))


def test_alone_nothing_changes() -> None:
    module = nn.BatchNorm1d(2)
    synchronise_batchnorm(module, World())
    assert "forward" not in vars(module)


def test_a_batchnorm_that_computes_in_its_own_way_is_left_alone_and_named(caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Sequential(Activated(2))
    with synchronise_batchnorm(model, TWO):
        assert "forward" not in vars(model[0])
    assert "BatchNorm '0' computes in its own way" in caplog.text
