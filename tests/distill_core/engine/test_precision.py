from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

import pytest
import torch
from torch import nn, optim

from distill_core.engine.lars import LARS
from distill_core.engine.optimizer import build_optimizer, split_groups
from distill_core.engine.precision import Precision
from distill_core.spec.optimizer import SGD
from distill_core.spec.training import ClipSpec

CPU = torch.device("cpu")
Format = Literal["fp32", "bf16", "fp16"]


def make_pair(lr: float = 0.1, momentum: float = 0.9) -> tuple[nn.Linear, optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    spec = SGD(optimizer="sgd", lr=lr, momentum=momentum)
    return model, build_optimizer(spec, split_groups(spec, model.named_parameters(), {}))


def take_step(
    model: nn.Module,
    optimizer: optim.Optimizer,
    precision: Precision,
    seed: int,
    parts: int = 1,
    clip: ClipSpec | None = None,
    factor: float = 1.0,
) -> torch.Tensor | None:
    inputs = torch.randn(8, 8, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    for part in inputs.chunk(parts):
        with precision.autocast():
            outputs = model(part)
        precision.backward(outputs.float().square().mean() / parts * factor)
    return precision.step(optimizer, clip)


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_the_forward_pass_has_the_format_and_the_weights_keep_theirs(name: Format, dtype: torch.dtype) -> None:
    model, optimizer = make_pair()
    precision = Precision(name, CPU)
    with precision.autocast():
        assert model(torch.randn(2, 8)).dtype == dtype
    before = model.weight.detach().clone()
    take_step(model, optimizer, precision, 0)
    assert model.weight.dtype == torch.float32
    assert not model.weight.equal(before)
    assert precision.num_skipped == 0


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_a_pass_without_gradient_does_not_take_the_gradient_of_the_next(name: Format) -> None:
    model, _ = make_pair()
    precision = Precision(name, CPU)
    with torch.no_grad(), precision.autocast():
        model(torch.randn(2, 8))
    with precision.autocast():
        outputs = model(torch.randn(2, 8))
    outputs.float().sum().backward()
    assert model.weight.grad is not None


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_a_step_in_parts_is_the_step_of_the_whole(name: Format) -> None:
    (whole, first), (parted, second) = make_pair(), make_pair()
    clip = ClipSpec(norm=0.05)
    norms = [
        take_step(whole, first, Precision(name, CPU), 1, clip=clip),
        take_step(parted, second, Precision(name, CPU), 1, parts=4, clip=clip),
    ]
    tolerance = 1e-6 if name == "fp32" else 2e-2
    assert norms[0] is not None
    assert norms[1] is not None
    assert torch.allclose(norms[0], norms[1], rtol=tolerance)
    assert torch.allclose(whole.weight, parted.weight, atol=tolerance / 10)


def test_gradients_are_unscaled_before_they_are_limited() -> None:
    (model, optimizer), (reference, plain) = make_pair(lr=1.0, momentum=0.0), make_pair(lr=1.0, momentum=0.0)
    before = torch.cat([model.weight.detach().flatten(), model.bias.detach()])
    norm = take_step(model, optimizer, Precision("fp16", CPU), 2, clip=ClipSpec(norm=0.01))
    moved = before - torch.cat([model.weight.detach().flatten(), model.bias.detach()])
    expected = take_step(reference, plain, Precision("fp32", CPU), 2, clip=ClipSpec(norm=0.01))
    assert norm is not None
    assert expected is not None
    assert norm.item() == pytest.approx(expected.item(), rel=1e-2)
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_entries_are_limited_before_the_norm() -> None:
    model = nn.Linear(2, 1, bias=False)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    model.weight.grad = torch.tensor([[30.0, -4.0]])
    norm = Precision("fp32", CPU).step(optimizer, ClipSpec(value=3.0, norm=1.0))
    assert norm is not None
    assert norm.item() == pytest.approx(18**0.5)
    assert model.weight.grad.tolist()[0] == pytest.approx([0.5**0.5, -(0.5**0.5)], rel=1e-5)


def test_no_norm_is_computed_where_none_is_limited() -> None:
    model, optimizer = make_pair()
    assert take_step(model, optimizer, Precision("fp32", CPU), 0) is None
    assert take_step(model, optimizer, Precision("fp32", CPU), 0, clip=ClipSpec(value=0.1)) is None


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_that_overflows_is_skipped_and_counted_and_the_next_one_learns(fused: bool) -> None:
    model, optimizer = make_pair()
    if not fused:
        optimizer = LARS(model.parameters(), lr=0.1)
    precision = Precision("fp16", CPU)
    before = model.weight.detach().clone()
    norm = take_step(model, optimizer, precision, 0, clip=ClipSpec(norm=1.0), factor=1e38)
    assert norm is not None
    assert not torch.isfinite(norm)
    assert model.weight.equal(before)
    assert precision.num_skipped == 1
    take_step(model, optimizer, precision, 1)
    assert precision.num_skipped == 1
    assert torch.isfinite(model.weight).all()
    assert not model.weight.equal(before)


def test_momentum_after_a_skipped_first_step_is_that_of_a_first_step() -> None:
    (skipping, first), (plain, second) = make_pair(), make_pair()
    one, other = Precision("fp16", CPU), Precision("fp16", CPU)
    take_step(skipping, first, one, 0, factor=1e38)
    for precision, model, optimizer in ((one, skipping, first), (other, plain, second)):
        take_step(model, optimizer, precision, 1)
    assert torch.allclose(skipping.weight, plain.weight, atol=1e-6)


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_a_resumed_run_ends_with_the_same_bits(name: Format) -> None:
    (straight, first), (resumed, second) = make_pair(), make_pair()
    precision = Precision(name, CPU)
    for seed in range(2):
        take_step(straight, first, precision, seed, factor=1e38 if seed == 0 and name == "fp16" else 1.0)
    state: dict[str, Any] = precision.state_dict()
    other = Precision(name, CPU)
    other.load_state_dict(state)
    resumed.load_state_dict(straight.state_dict())
    second.load_state_dict(deepcopy(first.state_dict()))  # torch would share the tensors
    for model, optimizer, current in ((straight, first, precision), (resumed, second, other)):
        take_step(model, optimizer, current, 2, clip=ClipSpec(norm=0.1))
    assert straight.weight.equal(resumed.weight)
    assert precision.state_dict() == other.state_dict()
    assert other.num_skipped == (1 if name == "fp16" else 0)


def test_a_scale_that_grows_is_no_skipped_step() -> None:
    model, optimizer = make_pair()
    precision = Precision("fp16", CPU)
    state = precision.state_dict()
    interval = state["scaler"]["growth_interval"]
    precision.load_state_dict({**state, "scaler": {**state["scaler"], "scale": 8.0, "_growth_tracker": interval - 1}})
    take_step(model, optimizer, precision, 0)
    assert precision.state_dict()["scaler"]["scale"] == 16.0
    assert precision.num_skipped == 0
