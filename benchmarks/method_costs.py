"""What a step of each method costs beside a step of plain distillation.

    PYTHONPATH=. python benchmarks/method_costs.py --save

Every method is a term beside cross-entropy in a stage of its own, with its default options, after the stages that make
what it imports. Its steps and those of `kd` with cross-entropy, from the same models on the same samples, take turns;
what is kept is the median of the
paired ratios, with quartiles. The teacher runs in every step: with stored outputs a step costs less.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pairs import compare, make_parser, report, take_turns
from stepping import MANY_EPOCHS, NORMALIZE, RUNTIME, SGD, SteppedRun

from distill_core.spec.catalog import load_catalog
from distill_core.spec.check import resolve
from distill_core.spec.experiment import ResolvedSpec

CE = {"ce": {"method": "ce"}}
KD = CE | {"kd": {"method": "kd"}}
STRONG = [{"transform": "horizontal_flip"}, *NORMALIZE]
SETTING = "ResNet-20 to ResNet-8, 28x28 grey images in batches of 64."


def list_makers(key: str) -> list[str]:
    """Return the methods that make what a method imports, in the order of their stages."""
    methods = load_catalog().methods
    makers = [other for other, entry in methods.items() if set(entry.exports) & set(methods[key].imports)]
    return [*(earlier for maker in makers for earlier in list_makers(maker)), *makers]


def describe(
    objectives: list[Mapping[str, Any]], options: argparse.Namespace, teachers: tuple[str, ...]
) -> ResolvedSpec:
    """Return a spec with a stage an objective; only the last one is long."""
    stages: list[dict[str, Any]] = [
        {"name": f"stage{number}", "objective": objective, "epochs": 1} for number, objective in enumerate(objectives)
    ]
    stages[0] |= {
        "student": "student",
        "teachers": list(teachers),
        "train": "train",
        "batch_size": 64,
        "drop_last": True,
        "optimizer": SGD | {"lr": 1e-4},  # the weights hardly move: what is measured is the same all along
        "cache": {"mode": "off"},
    }
    stages[-1]["epochs"] = MANY_EPOCHS
    views = {"main": {"transforms": NORMALIZE}, "strong": {"transforms": STRONG}}
    document = {
        "version": 1,
        "name": "cost of a method",
        "models": {"student": {"model": "resnet8"}, **{name: {"model": "resnet20"} for name in teachers}},
        "data": {"train": {"dataset": "fashion_mnist", "num_samples": options.num_samples, "views": views}},
        "stages": stages,
        "runtime": RUNTIME | {"threads": torch.get_num_threads()},
        "evaluation": {"latency": False},
    }
    return resolve(document)


def start(spec: ResolvedSpec, root: Path) -> SteppedRun:
    """Return a run in its last stage."""
    run = SteppedRun(spec, root)
    while run.position.stage < len(spec.stages) - 1:
        run.step()
    return run


def measure(key: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the ratio of the time of a step to that of a step of `kd`."""
    entry = load_catalog().methods[key]
    teachers = ("teacher", "teacher2") if entry.ensemble else ("teacher",)
    terms = [{"term": {"method": maker}} for maker in list_makers(key)]
    own = CE if key == "ce" else CE | {"term": {"method": key}}
    one = start(describe([*terms, own], options, teachers), options.data_root)
    other = start(describe([KD], options, ("teacher",)), options.data_root)
    times = take_turns({key: one.step, "kd": other.step}, options.rounds)
    one.close()
    other.close()
    return compare(times, key, "kd")


def main() -> None:
    """Measure all methods and print one JSON object."""
    parser = make_parser(__doc__)
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="folder of the data sets")
    parser.add_argument("--method", action="append", help="this one; all if left out")
    parser.add_argument("--rounds", type=int, default=12, help="steps of each side")
    parser.add_argument("--num-samples", type=int, default=6400, help="images of the stream")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.num_samples = 2, 256
    torch.set_num_threads(options.threads)
    found = {key: measure(key, options) for key in options.method or load_catalog().methods}
    report(options, {"setting": SETTING, "methods": found})


if __name__ == "__main__":
    main()
