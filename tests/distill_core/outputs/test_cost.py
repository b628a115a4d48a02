from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from distill_core.outputs.cost import count_bytes, count_flops, count_parameters, measure_cost
from distill_core.tensors import Inputs
from tests.distill_core.outputs.models import (
    Reader,
    Sizer,
    make_classifier,
    make_images,
    make_list,
    make_tokens,
)


def test_parameters_and_bytes_are_counted_with_and_without_the_frozen_ones() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model[0].requires_grad_(requires_grad=False)
    assert (count_parameters(model), count_parameters(model, trainable=True)) == (3 * 4 + 4 + 8, 8)
    assert count_bytes(model) == (12 + 4 + 8 + 8) * 4 + 8  # running means and variances, and one int64 that counts


def test_shared_weights_are_counted_once() -> None:
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    assert (count_parameters(model), count_bytes(model)) == (16, 64)


def test_a_multiply_add_is_two_operations_of_one_sample() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 64, 10))
    assert count_flops(model, make_images(5)) == 2 * (64 * 4 * 9) + 2 * (4 * 64 * 10)


def test_attention_is_counted_although_torch_would_fuse_it() -> None:
    length, width, hidden = 7, 16, 32
    projections = 4 * length * width * width
    attention = 2 * length * length * width
    feed_forward = 2 * length * width * hidden
    head = width * 3
    assert count_flops(Reader(), make_tokens()) == 2 * (projections + attention + feed_forward + head)
    assert torch.backends.mha.get_fastpath_enabled()


def test_recurrence_is_counted_although_torch_would_fuse_it() -> None:
    model = nn.LSTM(8, 16, batch_first=True)
    assert count_flops(model, torch.rand(2, 5, 8)) == 2 * 5 * 4 * 16 * (8 + 16)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [(make_classifier(), make_images()), (Reader(), make_tokens()), (Sizer(), make_list())],
    ids=["tensor", "named tensors", "list of images"],
)
def test_every_shape_of_inputs_is_measured_and_the_model_stays_as_it_was(model: nn.Module, inputs: Inputs) -> None:
    before = copy.deepcopy(model.state_dict())
    model.train()
    figures = measure_cost(model, inputs)
    assert set(figures) == {
        "cost/params",
        "cost/trainable_params",
        "cost/size_bytes",
        "cost/flops",
        "cost/latency_ms",
        "cost/latency_p90_ms",
        "cost/throughput_per_s",
    }
    assert all(value > 0 for value in figures.values())
    assert figures["cost/latency_ms"] <= figures["cost/latency_p90_ms"]
    assert model.training
    assert all(before[name].equal(tensor) for name, tensor in model.state_dict().items())


def test_times_are_left_out_where_nobody_asks_for_them() -> None:
    figures = measure_cost(make_classifier(), make_images(), with_speed=False)
    assert set(figures) == {"cost/params", "cost/trainable_params", "cost/size_bytes", "cost/flops"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no usable GPU")
def test_a_gpus_model_is_measured_on_the_cpu_too_and_its_memory_counted() -> None:
    model, images = make_classifier().cuda(), make_images().cuda()
    figures = measure_cost(model, images)
    assert figures["cost/peak_memory_bytes"] >= figures["cost/size_bytes"]
    assert figures["cost/cpu_latency_ms"] > 0
    assert next(model.parameters()).is_cuda
