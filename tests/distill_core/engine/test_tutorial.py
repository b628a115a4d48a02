"""What PyTorch's tutorial lets one check, in the stages of our recipes, on noise of the size of CIFAR-10's images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

from distill_core.distributed import World
from distill_core.engine.assembly import prepare
from distill_core.engine.carry import Carry
from distill_core.engine.context import Context
from distill_core.engine.device import prepare_machine
from distill_core.engine.events import EventLog
from distill_core.engine.learner import Learner
from distill_core.engine.models import build_models
from distill_core.engine.plan import plan_stages
from distill_core.engine.precision import Precision
from distill_core.engine.run import open_streams
from distill_core.engine.stage import Workshop
from distill_core.engine.stores import Cache
from distill_core.spec import parse_document, resolve
from distill_core.tap import Place, Taps
from tests.distill_core.experiments import StopAfter
from tests.distill_core.stream.folders import image_of, make_folder

IMITATIONS = {"kd": "kd", "cosine": "cosine", "regressor": "fitnet"}
"""Recipe -> its term beside cross-entropy."""


@contextmanager
def stage_of(name: str, folder: Path) -> Iterator[Learner]:
    """Yield the student's stage of the shipped experiment, ready for its first step."""
    document: Any = parse_document((files("distill_core") / f"recipes/cifar10_tutorial_{name}.yaml").read_bytes())
    document["recipe"]["params"] = {"train_teacher": False}
    document["runtime"] |= {"device": "cpu", "threads": 1, "loader_workers": 0}
    document["evaluation"] = {"latency": False}
    transforms = [{"transform": "center_crop", "size": 32}, *document["data"]["train"]["views"]["main"]["transforms"]]
    params = {"folder": "photos", "num_classes": 10}
    images = {"dataset": "image_folder", "params": params, "views": {"main": {"transforms": transforms}}}
    document["data"] = {"train": images}
    spec = resolve(document)
    make_folder(folder, classes=10, each=13, size=(32, 32))
    machine = prepare_machine(spec.runtime, World())
    streams = open_streams(spec, folder, machine.device)
    carry = Carry(build_models(spec, {}, None, machine.device).models)
    (stage,) = plan_stages(spec.stages, streams, spec.runtime.seed, machine.world)
    with EventLog(folder / "events.jsonl") as events:
        context = Context(folder, events, StopAfter(10_000), spec.runtime)
        precision = Precision("fp32", machine.device)
        assembly = Workshop(context, machine, Cache(), {}).assemble(stage, carry, precision)
        yield Learner(stage, assembly, machine, precision)


def losses_of(learner: Learner) -> dict[str, Tensor]:
    """Return what the terms say of the first batch."""
    stage, assembly = learner.stage, learner.assembly
    batch = prepare(assembly.terms, stage.first_batch(assembly.views))
    assert len(batch) == 128
    factors = assembly.weighting.at(stage.moment(0))
    parts: dict[str, Tensor] = dict(assembly.objective(batch, assembly.teachers.watch(batch, 0), factors).parts)
    assert factors == {"ce": 0.75, next(iter(set(parts) - {"ce"})): 0.25}
    return parts


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def copy_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def teacher_of(learner: Learner) -> nn.Module:
    (teacher,) = learner.assembly.teachers.teachers
    return teacher.model


@pytest.mark.parametrize("name", IMITATIONS)
def test_networks_and_regressor_have_the_weights_of_the_tutorial(name: str, tmp_path: Path) -> None:
    with stage_of(name, tmp_path) as learner:
        assert count(learner.student) == 267_738
        assert count(teacher_of(learner)) == 1_186_986
        assert count(learner.assembly.objective) == (272_378 if name == "regressor" else 267_738)


def test_both_hidden_vectors_have_1024_values(tmp_path: Path) -> None:
    with stage_of("cosine", tmp_path) as learner:
        images = image_of(learner.stage.first_batch(learner.assembly.views))
        models = learner.student, teacher_of(learner)
        mine, wanted = (Taps(model, [Place("pooled")]).run(images)[Place("pooled")] for model in models)
        halved = wanted.reshape(128, -1, 2).mean(2)
        assert mine.shape == halved.shape == (128, 1024)
        expected = 1 - (mine * halved).sum(1) / mine.norm(dim=1) / halved.norm(dim=1)
        assert losses_of(learner)["cosine"].item() == pytest.approx(expected.mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", ["cosine", "regressor"])
def test_a_hidden_loss_gives_the_students_classifier_no_gradient(name: str, tmp_path: Path) -> None:
    with stage_of(name, tmp_path) as learner:
        losses_of(learner)[IMITATIONS[name]].backward()
        reached = {key for key, weight in learner.student.named_parameters() if weight.grad is not None}
        assert reached == {f"features.{layer}.{kind}" for layer in (0, 3) for kind in ("weight", "bias")}
        losses_of(learner)["ce"].backward()
        assert all(weight.grad is not None for weight in learner.student.parameters())


@pytest.mark.parametrize("name", IMITATIONS)
def test_distillation_leaves_the_teachers_weights_as_they_are(name: str, tmp_path: Path) -> None:
    with stage_of(name, tmp_path) as learner:
        batch = prepare(learner.assembly.terms, learner.stage.first_batch(learner.assembly.views))
        teacher, student = teacher_of(learner), learner.student
        before, first = copy_of(teacher), copy_of(student)
        learner.take_step([batch], epoch=0)
        assert all(tensor.equal(before[key]) for key, tensor in teacher.state_dict().items())
        assert not any(tensor.equal(first[key]) for key, tensor in student.state_dict().items())
        assert not teacher.training
