"""What a hint stage costs whose models are cut by the engine, beside models cut by hand and beside whole models.

    python benchmarks/hint_stage.py

The work is the first stage of torchdistill's FitNet for ImageNet: ResNet-18 learns what a deeper ResNet gives behind
`layer1`, with torchvision's models. The engine finds by itself that nothing behind `layer1` is needed (`auto`). Beside
it are a loop written by hand on models that were cut by hand (`by_hand`), the engine on such models (`cut models`),
and the engine made to run both models to their end (`whole`). auto/whole is what Table 3 of the torchdistill paper
(Matsubara 2021, arXiv 2011.12913) shows as minimal/original: seconds an epoch on ImageNet at 224 px, with data
loading. Here images are smaller and come from memory; the size is in the results. The table does not say where its
hint lies, so `layer2` is measured too.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import by_hand
import torch
import torchvision
from pairs import compare, in_ms, make_parser, report, take_turns
from stepping import NORMALIZE, SteppedRun, describe
from torch import nn

from distill_core.spec.experiment import ResolvedSpec

PAPER = {"resnet34": 786 / 934, "resnet50": 929 / 1175, "resnet101": 936 / 1468, "resnet152": 1022 / 1779}
NUM_SAMPLES = 1_000
HINT = {"student_place": "stage1", "teacher_place": "stage1"}


def measure(name: str, layer: str, root: Path, size: int, batch_size: int, rounds: int) -> dict[str, Any]:
    """Return the ratios for one teacher and one place of the hint."""
    models = {"student": build_resnet("resnet18"), "teacher": build_resnet(name)}
    cut = {model: cut_behind(layer, whole) for model, whole in models.items()}
    spec, whole = specify(size, batch_size), specify(size, batch_size, is_whole=True)
    runs = {
        "auto": SteppedRun(spec, root, deepcopy(name_places(models, layer))),
        "cut models": SteppedRun(spec, root, deepcopy(name_places(cut, "-1"))),
        "whole": SteppedRun(whole, root, deepcopy(name_places(models, layer))),
    }
    sides: dict[str, Callable[[], object]] = {side: run.step for side, run in runs.items()}
    regressor = make_regressor(cut, size)
    samples = by_hand.read_cifar(root, NUM_SAMPLES)
    sides["by_hand"] = by_hand.hint(cut["teacher"], cut["student"], regressor, samples, batch_size, size)
    times = take_turns(sides, rounds, warmup=2)
    for run in runs.values():
        run.close()
    figures: dict[str, Any] = {"step_ms": in_ms(times)}
    for side, other in (("auto", "by_hand"), ("auto", "cut models"), ("auto", "whole")):
        figures[f"{side}/{other}"] = compare(times, side, other)
    return figures


def specify(size: int, batch_size: int, *, is_whole: bool = False) -> ResolvedSpec:
    """Return the spec of a hint stage; the models are given to the run, the names here only hold their places."""
    to_the_end = {"sections": {name: {"until": ""} for name in ("student", "teacher")}}
    return describe(
        "resnet8",
        "resnet8",
        batch_size,
        num_samples=NUM_SAMPLES,
        transforms=[{"transform": "resize", "size": size}, *NORMALIZE],
        objective={"hint": {"method": "fitnet", "params": {**HINT, "regressor": "conv1x1"}}},
        stage=to_the_end if is_whole else None,
    )


def name_places(models: Mapping[str, nn.Module], layer: str) -> Mapping[str, nn.Module]:
    """Tell the engine where the hint is, as a registered family declares its feature points; -1 is the last module."""
    for model in models.values():
        path = [name for name, _ in model.named_children()][-1] if layer == "-1" else layer
        model.feature_points = {"stage1": path}  # type: ignore[assignment]  nn.Module declares only modules and tensors
    return models


def build_resnet(name: str) -> nn.Module:
    """Return one of torchvision's models."""
    model: nn.Module = torchvision.models.get_model(name, num_classes=1000)
    return model


def cut_behind(layer: str, model: nn.Module) -> nn.Module:
    """Return what a person would write who needs nothing behind a layer."""
    names = [name for name, _ in model.named_children()]
    return nn.Sequential(*(model.get_submodule(name) for name in names[: names.index(layer) + 1]))


def make_regressor(cut: Mapping[str, nn.Module], size: int) -> nn.Module:
    """Return the convolution between the two maps, as the engine's method has it."""
    images = torch.zeros(1, 3, size, size)
    student, teacher = (cut[name].eval()(images).shape[1] for name in ("student", "teacher"))
    return nn.Sequential(nn.Conv2d(student, teacher, 1), nn.BatchNorm2d(teacher), nn.ReLU())


def _parse() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--size", type=int, default=112, help="side of the images in pixels")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=12)
    return parser.parse_args()


def main() -> None:
    """Measure all teachers and print one JSON object."""
    options = _parse()
    torch.set_num_threads(options.threads)
    size, batch_size, rounds = (32, 4, 3) if options.quick else (options.size, options.batch_size, options.rounds)
    teachers = ["resnet34"] if options.quick else list(PAPER)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        by_hand.write_cifar(root)
        figures = {
            name: {"paper": round(PAPER[name], 3)}
            | {layer: measure(name, layer, root, size, batch_size, rounds) for layer in ("layer1", "layer2")}
            for name in teachers
        }
    report(options, {"size": size, "batch_size": batch_size, "goal": {"auto/by_hand": 1.02}, "teachers": figures})


if __name__ == "__main__":
    main()
