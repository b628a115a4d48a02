from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.engine.average import Average
from distill_core.errors import CheckpointError
from distill_core.spec.training import EMASpec


class Masked(nn.Module):
    """A module with every kind of tensor: weights, running statistics, counters and a mask of infinities."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self.tied = self.layer
        self.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
        self.register_buffer("none", None)
        self.register_buffer("table", torch.ones(2), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.norm(self.layer(inputs)) + self.mask
        return outputs


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def move(module: nn.Module) -> None:
    """What an optimizer step and a forward pass in training mode do."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))
        module(torch.randn(4, 3))


def mean_of(average: Average, module: nn.Module) -> dict[str, Tensor]:
    with average.swapped():
        return snapshot(module)


def fail_in_validation(module: Masked, average: Average) -> None:
    live = snapshot(module)
    with average.swapped():
        assert not module.layer.weight.equal(live["layer.weight"])
        module(torch.randn(4, 3))
        raise RuntimeError("validation failed")


def test_the_mean_is_the_sum_that_its_decay_says() -> None:
    module = Masked()
    average = Average(module, EMASpec(decay=0.9, warmup=False))
    expected = snapshot(module)
    for _ in range(5):
        move(module)
        average.update()
        for name, tensor in module.state_dict().items():
            if name in {"layer.weight", "layer.bias", "norm.running_mean", "norm.running_var"}:
                expected[name] = 0.9 * expected[name] + 0.1 * tensor
    found = mean_of(average, module)
    for name in ("layer.weight", "layer.bias", "norm.running_mean", "norm.running_var"):
        assert torch.allclose(found[name], expected[name], atol=1e-6)


def test_counters_are_copied_and_infinities_stay() -> None:
    module = Masked()
    average = Average(module, EMASpec())
    for _ in range(3):
        move(module)
        average.update()
    found = mean_of(average, module)
    assert found["norm.num_batches_tracked"].item() == 3
    assert found["mask"].tolist() == [0.0, float("-inf")]


@given(decay=st.floats(0.2, 0.999), num_steps=st.integers(1, 30))
def test_the_warm_up_keeps_little_at_first(decay: float, num_steps: int) -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    average = Average(module, EMASpec(decay=decay))
    nn.init.ones_(module.weight)
    left = 1.0
    for step in range(num_steps):
        average.update()
        left *= min(decay, (1 + step) / (10 + step))
    assert mean_of(average, module)["weight"].item() == pytest.approx(1 - left, abs=1e-5)


def test_updates_come_every_so_many_steps() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    average = Average(module, EMASpec(decay=0.5, warmup=False, every_steps=3))
    nn.init.ones_(module.weight)
    means = []
    for _ in range(7):
        average.update()
        means.append(mean_of(average, module)["weight"].item())
    assert means == [0, 0, 0.5, 0.5, 0.5, 0.75, 0.75]


def test_the_live_weights_come_back_bit_for_bit() -> None:
    module = Masked()
    average = Average(module, EMASpec())
    move(module)
    average.update()
    live, places = snapshot(module), [tensor.data_ptr() for tensor in module.state_dict().values()]
    with pytest.raises(RuntimeError, match="validation failed"):
        fail_in_validation(module, average)
    assert all(tensor.equal(live[name]) for name, tensor in module.state_dict().items())
    assert [tensor.data_ptr() for tensor in module.state_dict().values()] == places


def test_the_mean_can_be_put_in_for_good() -> None:
    module = Masked()
    average = Average(module, EMASpec())
    move(module)
    average.update()
    mean = mean_of(average, module)
    average.put()
    assert all(tensor.equal(mean[name]) for name, tensor in module.state_dict().items())


def test_a_buffer_that_was_replaced_is_followed() -> None:
    module = Masked()
    average = Average(module, EMASpec(decay=0.0, warmup=False))
    module.table = torch.full((2,), 5.0)
    average.update()
    module.table = torch.zeros(2)
    with average.swapped():
        assert module.table.tolist() == [5.0, 5.0]
    assert module.table.tolist() == [0.0, 0.0]


def test_gradients_still_reach_the_weights_after_validation() -> None:
    module = Masked()
    average = Average(module, EMASpec())
    with average.swapped():
        module.eval()(torch.randn(4, 3))
    module.train()(torch.randn(4, 3))[:, 0].sum().backward()
    assert module.layer.weight.grad is not None


def test_a_resumed_mean_has_the_same_bits() -> None:
    straight, resumed = Masked(), Masked()
    first, second = (Average(module, EMASpec(every_steps=2)) for module in (straight, resumed))
    for _ in range(3):
        move(straight)
        first.update()
    resumed.load_state_dict(straight.state_dict())
    second.load_state_dict(deepcopy(first.state_dict()))
    for module, average in ((straight, first), (resumed, second)):
        torch.manual_seed(7)
        for _ in range(4):
            move(module)
            average.update()
    one, other = mean_of(first, straight), mean_of(second, resumed)
    assert all(one[name].equal(other[name]) for name in one)


def test_the_mean_of_another_module_is_refused() -> None:
    with pytest.raises(CheckpointError, match="another module"):
        Average(Masked(), EMASpec()).load_state_dict(Average(nn.Linear(2, 2), EMASpec()).state_dict())
