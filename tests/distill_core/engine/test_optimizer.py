from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler

from distill_core.engine.lars import LARS
from distill_core.engine.optimizer import CLASSES, build_optimizer, learning_rate, set_learning_rate, split_groups
from distill_core.errors import SpecError
from distill_core.spec import optimizer as specs
from distill_core.spec.optimizer import OptimizerSpec, ScheduleSpec
from distill_core.spec.training import WarmupSpec

NUM_EPOCHS, STEPS_PER_EPOCH = 6, 5
NUM_STEPS = NUM_EPOCHS * STEPS_PER_EPOCH
POINTS = {"stage1": "0", "logits": "2"}
NAMES = [kind.model_fields["optimizer"].annotation.__args__[0] for kind in CLASSES]  # type: ignore[union-attr]


def make_spec(**document: Any) -> OptimizerSpec:
    return TypeAdapter[OptimizerSpec](OptimizerSpec).validate_python({"lr": 0.1, **document})


def make_schedule(**document: Any) -> ScheduleSpec:
    return TypeAdapter[ScheduleSpec](ScheduleSpec).validate_python(document)


def make_student() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 7, 1), nn.Flatten(), nn.LazyLinear(5))


class Parts(nn.Module):
    """Student and terms, named as in an objective."""

    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))
        self.terms = nn.ModuleDict({"hint": nn.ModuleDict({"regressor": nn.Linear(2, 2)})})


def groups_of(spec: OptimizerSpec, parts: Parts, **options: Any) -> list[tuple[set[str], dict[str, Any]]]:
    names = {parameter: name for name, parameter in parts.named_parameters()}
    groups = split_groups(spec, parts.named_parameters(), POINTS, **options)
    return [({names[parameter] for parameter in group.pop("params")}, group) for group in groups]


def rates(schedule: ScheduleSpec, warmup: WarmupSpec | None = None, first: float = 1.0) -> list[float]:
    return [learning_rate(schedule, warmup, first, step, NUM_STEPS, STEPS_PER_EPOCH) for step in range(NUM_STEPS)]


def torch_rates(make: Callable[[optim.Optimizer], Any], every: int, first: float = 1.0) -> list[float]:
    """What torch's scheduler says when it is stepped every so many steps."""
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=first)
    scheduler = make(optimizer)
    values = []
    for step in range(1, NUM_STEPS + 1):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step % every == 0 and step < NUM_STEPS:
            scheduler.step()
    return values


@pytest.mark.parametrize(
    ("document", "make", "every"),
    [
        ({"schedule": "constant"}, lambda it: lr_scheduler.ConstantLR(it, factor=1.0), 1),
        (
            {"schedule": "multistep", "milestones": [2, 4]},
            lambda it: lr_scheduler.MultiStepLR(it, [2, 4], gamma=0.1),
            STEPS_PER_EPOCH,
        ),
        (
            {"schedule": "step", "every_epochs": 2, "gamma": 0.5},
            lambda it: lr_scheduler.StepLR(it, 2, gamma=0.5),
            STEPS_PER_EPOCH,
        ),
        (
            {"schedule": "exponential", "gamma": 0.8},
            lambda it: lr_scheduler.ExponentialLR(it, gamma=0.8),
            STEPS_PER_EPOCH,
        ),
        (
            {"schedule": "exponential", "gamma": 0.8, "is_stepped": False},
            lambda it: lr_scheduler.ExponentialLR(it, gamma=0.8 ** (1 / STEPS_PER_EPOCH)),
            1,
        ),
        (
            {"schedule": "cosine", "final_ratio": 0.1},
            lambda it: lr_scheduler.CosineAnnealingLR(it, NUM_STEPS, eta_min=0.1),
            1,
        ),
        (
            {"schedule": "cosine", "is_stepped": True},
            lambda it: lr_scheduler.CosineAnnealingLR(it, NUM_EPOCHS),
            STEPS_PER_EPOCH,
        ),
        (
            {"schedule": "linear", "final_ratio": 0.2},
            lambda it: lr_scheduler.LinearLR(it, start_factor=1.0, end_factor=0.2, total_iters=NUM_STEPS),
            1,
        ),
        ({"schedule": "poly", "power": 0.9}, lambda it: lr_scheduler.PolynomialLR(it, NUM_STEPS, power=0.9), 1),
        (
            {"schedule": "poly", "power": 2.0, "is_stepped": True},
            lambda it: lr_scheduler.PolynomialLR(it, NUM_EPOCHS, power=2.0),
            STEPS_PER_EPOCH,
        ),
        (
            {"schedule": "one_cycle"},
            lambda it: lr_scheduler.OneCycleLR(it, 1.0, total_steps=NUM_STEPS, cycle_momentum=False),
            1,
        ),
    ],
)
def test_a_schedule_gives_the_rates_of_torch(document: dict[str, Any], make: Callable[..., Any], every: int) -> None:
    assert rates(make_schedule(**document)) == pytest.approx(torch_rates(make, every), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("document", [{"steps": 8}, {"epochs": 1.6}])
def test_a_warmup_is_a_factor_on_the_schedule_whose_clock_runs_on(document: dict[str, Any]) -> None:
    schedule = make_schedule(schedule="cosine")
    expected = torch_rates(
        lambda it: lr_scheduler.ChainedScheduler(
            [
                lr_scheduler.CosineAnnealingLR(it, NUM_STEPS),
                lr_scheduler.LinearLR(it, start_factor=0.1, end_factor=1.0, total_iters=8),
            ]
        ),
        1,
    )
    warmed = rates(schedule, WarmupSpec(first_ratio=0.1, **document))
    assert warmed == pytest.approx(expected, rel=1e-9)
    assert warmed[8:] == rates(schedule)[8:]


def test_an_exponential_warmup_rises_by_the_same_factor_at_every_step() -> None:
    warmup = WarmupSpec(steps=4, first_ratio=0.0001, shape="exponential")
    assert rates(make_schedule(schedule="constant"), warmup)[:6] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1, 1])


def test_a_warmup_from_zero_starts_at_zero() -> None:
    warmup = WarmupSpec(steps=4, first_ratio=0.0)
    assert rates(make_schedule(schedule="constant"), warmup)[:5] == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_a_cycle_of_one_step_is_the_full_rate() -> None:
    assert learning_rate(make_schedule(schedule="one_cycle"), None, 0.3, 0, 1, 1) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("document", "kind", "expected"),
    [
        (
            {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
            optim.SGD,
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "dampening": 0, "fused": True},
        ),
        ({"optimizer": "adam"}, optim.Adam, {"betas": (0.9, 0.999), "weight_decay": 0, "fused": True}),
        ({"optimizer": "adamw", "amsgrad": True}, optim.AdamW, {"weight_decay": 0.01, "amsgrad": True}),
        ({"optimizer": "lars", "eps": 0.5}, LARS, {"trust_coefficient": 0.001, "momentum": 0.9, "eps": 0.5}),
        ({"optimizer": "adagrad", "lr_decay": 0.5}, optim.Adagrad, {"lr_decay": 0.5, "eps": 1e-10, "fused": True}),
        ({"optimizer": "adadelta", "rho": 0.5}, optim.Adadelta, {"rho": 0.5, "eps": 1e-6, "foreach": True}),
        ({"optimizer": "adamax", "betas": [0.5, 0.6]}, optim.Adamax, {"betas": (0.5, 0.6)}),
        ({"optimizer": "nadam", "decoupled_weight_decay": True}, optim.NAdam, {"decoupled_weight_decay": True}),
        ({"optimizer": "radam", "weight_decay": 0.3}, optim.RAdam, {"weight_decay": 0.3}),
        ({"optimizer": "rmsprop", "centered": True}, optim.RMSprop, {"alpha": 0.99, "centered": True}),
    ],
)
def test_options_reach_the_optimizer(
    document: dict[str, Any], kind: type[optim.Optimizer], expected: dict[str, object]
) -> None:
    spec = make_spec(**document)
    optimizer = build_optimizer(spec, split_groups(spec, nn.Linear(1, 1).named_parameters(), {}))
    assert type(optimizer) is kind
    assert {key: optimizer.param_groups[0][key] for key in expected} == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_that_is_resumed_ends_with_the_same_bits(name: str) -> None:
    spec = make_spec(optimizer=name, lr=0.01, weight_decay=1e-3, decay_vectors=False)
    straight, _ = train(spec, steps=6)
    halfway, state = train(spec, steps=3)
    resumed, _ = train(spec, steps=3, start=3, weights=halfway, state=state)
    assert straight.keys() == resumed.keys()
    assert all(straight[key].equal(resumed[key]) for key in straight)


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_lowers_a_loss(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    inputs, target = torch.randn(32, 6), torch.randn(32, 3)
    spec = make_spec(optimizer=name, lr=1.0 if name in {"adadelta", "lars"} else 0.01)
    optimizer = build_optimizer(spec, split_groups(spec, model.named_parameters(), {}))
    losses = []
    for _ in range(20):
        loss = (model(inputs) - target).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]


def train(
    spec: OptimizerSpec,
    steps: int,
    start: int = 0,
    weights: dict[str, Tensor] | None = None,
    state: dict[str, Any] | None = None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return weights and state of the optimizer as a checkpoint holds them."""
    model = make_student()
    model(torch.zeros(2, 1, 7, 7))
    optimizer = build_optimizer(spec, split_groups(spec, model.named_parameters(), {}))
    if weights is not None and state is not None:
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
    for step in range(start, start + steps):
        torch.manual_seed(step)
        set_learning_rate(optimizer, 1 / (1 + step))
        optimizer.zero_grad()
        model(torch.randn(4, 1, 7, 7)).square().mean().backward()
        optimizer.step()
    return deepcopy(model.state_dict()), deepcopy(optimizer.state_dict())


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_that_starts_from_zeros_gives_the_bits_of_torch(nesterov: bool) -> None:
    ours, theirs = nn.Linear(33, 17), nn.Linear(33, 17)
    theirs.load_state_dict(ours.state_dict())
    spec = make_spec(optimizer="sgd", momentum=0.9, nesterov=nesterov, weight_decay=5e-4)
    own = build_optimizer(spec, split_groups(spec, ours.named_parameters(), {}))
    their = optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=5e-4, fused=True)
    for _ in range(3):
        inputs = torch.randn(8, 33)
        for model, optimizer in ((ours, own), (theirs, their)):
            optimizer.zero_grad()
            model(inputs).square().sum().backward()
            optimizer.step()
    assert ours.weight.equal(theirs.weight)
    assert ours.bias.equal(theirs.bias)


def test_a_parameter_may_have_its_first_gradient_later_than_others() -> None:
    early, late = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    spec = make_spec(optimizer="sgd", momentum=0.9)
    optimizer = build_optimizer(spec, split_groups(spec, [("early", early), ("late", late)], {}))
    early.grad = torch.ones(3)
    optimizer.step()
    late.grad = torch.ones(3)
    optimizer.step()
    assert late.tolist() == pytest.approx([0.9] * 3)
    assert early.tolist() == pytest.approx([1 - 0.1 - 0.19] * 3)


def test_one_group_holds_all_where_nothing_is_said() -> None:
    [(names, group)] = groups_of(make_spec(optimizer="sgd", weight_decay=0.3), Parts())
    assert len(names) == 8
    assert group == {"lr": 0.1, "initial_lr": 0.1, "weight_decay": 0.3}


def test_a_group_is_named_by_feature_point_by_path_and_by_term() -> None:
    spec = make_spec(
        optimizer="sgd",
        weight_decay=0.3,
        groups=[
            {"paths": ["stage1", "2.bias"], "lr_factor": 0.5},
            {"paths": ["term:hint"], "lr": 0.7, "weight_decay": 0.0},
        ],
    )
    first, second, rest = groups_of(spec, Parts())
    assert first == (
        {"student.0.weight", "student.0.bias", "student.2.bias"},
        {"lr": 0.05, "initial_lr": 0.05, "weight_decay": 0.3},
    )
    assert second == (
        {"terms.hint.regressor.weight", "terms.hint.regressor.bias"},
        {"lr": 0.7, "initial_lr": 0.7, "weight_decay": 0.0},
    )
    assert rest[0] == {"student.1.weight", "student.1.bias", "student.2.weight"}


def test_the_first_group_that_names_a_parameter_has_it() -> None:
    spec = make_spec(
        optimizer="sgd",
        groups=[{"paths": ["0.bias"], "lr": 0.5}, {"paths": ["0"], "lr": 0.6}, {"paths": ["0"], "lr": 0.7}],
    )
    assert [(sorted(names), group["lr"]) for names, group in groups_of(spec, Parts())[:2]] == [
        (["student.0.bias"], 0.5),
        (["student.0.weight"], 0.6),
    ]
    assert len(groups_of(spec, Parts())) == 3


def test_vectors_do_not_decay_where_that_is_said() -> None:
    spec = make_spec(
        optimizer="adamw",
        weight_decay=0.3,
        decay_vectors=False,
        groups=[{"paths": ["0"], "weight_decay": 0.2}],
    )
    decays = {name: group["weight_decay"] for names, group in groups_of(spec, Parts()) for name in names}
    assert {name for name, decay in decays.items() if decay == 0} == {
        name for name, parameter in Parts().named_parameters() if parameter.ndim == 1
    }
    assert (decays["student.0.weight"], decays["student.2.weight"]) == (0.2, 0.3)


def test_a_path_does_not_match_names_that_only_begin_like_it() -> None:
    parameters = [(f"student.{name}.weight", nn.Parameter(torch.ones(1))) for name in ("layer1", "layer10")]
    spec = make_spec(optimizer="sgd", groups=[{"paths": ["layer1"], "lr": 0.5}])
    assert [len(group["params"]) for group in split_groups(spec, parameters, {})] == [1, 1]


def test_frozen_parameters_are_in_no_group() -> None:
    parts = Parts()
    parts.student.requires_grad_(False)
    [(names, _)] = groups_of(make_spec(optimizer="sgd"), parts)
    assert names == {"terms.hint.regressor.weight", "terms.hint.regressor.bias"}


def test_a_path_that_names_nothing_is_refused_with_the_nearest_names() -> None:
    spec = make_spec(optimizer="sgd", groups=[{"paths": ["0", "stagee1", "term:hind"], "lr": 0.5}])
    with pytest.raises(SpecError) as caught:
        groups_of(spec, Parts(), pointer="/stages/1/optimizer")
    problems = caught.value.problems
    assert [problem.pointer for problem in problems] == [
        "/stages/1/optimizer/groups/0/paths/1",
        "/stages/1/optimizer/groups/0/paths/2",
    ]
    assert problems[0].nearest[0] == "stage1"
    assert problems[1].nearest[0] == "term:hint"
    assert "term:hint.regressor.weight" in (problems[0].allowed or ())


def test_a_stage_in_which_nothing_learns_is_refused() -> None:
    parts = Parts()
    parts.requires_grad_(False)
    with pytest.raises(SpecError, match="no parameter of the student or of a term learns"):
        groups_of(make_spec(optimizer="sgd", groups=[{"paths": ["0"], "lr": 0.5}]), parts)


def test_every_group_keeps_its_distance_from_the_others() -> None:
    spec = make_spec(optimizer="sgd", groups=[{"paths": ["0"], "lr_factor": 10.0}, {"paths": ["1"], "lr": 0.0}])
    optimizer = build_optimizer(spec, split_groups(spec, Parts().named_parameters(), {}))
    for factor in (0.3, 0.0, 1.0):
        set_learning_rate(optimizer, factor)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([factor, 0.0, 0.1 * factor])


def test_a_rate_that_is_a_tensor_is_changed_in_place() -> None:
    rate = torch.tensor(0.1)
    optimizer = optim.Adam([{"params": [nn.Parameter(torch.ones(2))], "initial_lr": 0.1}], lr=rate, fused=True)
    set_learning_rate(optimizer, 0.5)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.05)


def test_rates_fall_or_stay_behind_the_warmup() -> None:
    for document in ({"schedule": "cosine"}, {"schedule": "poly"}, {"schedule": "linear", "is_stepped": True}):
        values = rates(make_schedule(**document))
        assert all(before >= after for before, after in pairwise(values))


def test_the_spec_names_every_class_that_is_built() -> None:
    options = TypeAdapter[OptimizerSpec](OptimizerSpec).json_schema()["discriminator"]["mapping"]
    assert sorted(options) == sorted(NAMES)
    assert specs.LARS in CLASSES
