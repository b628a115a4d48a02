"""What every recipe is worth on Fashion-MNIST at one small budget, beside its control.

    PYTHONPATH=. python benchmarks/methods_accuracy.py --save

Seed 001's pair (Ruffy, Chahal 2019, arXiv 1912.10850): a ResNet-26, trained once, teaches a ResNet-8 by every recipe,
with the recipe's published weights and the study's optimizer: SGD, Nesterov 0.9, rate 0.1, a tenth after a third and
after two thirds. All students see the same samples for the same number of epochs; recipes in which the student learns
in several stages divide them, a quarter for each but the longest; a stage that trains a part of the teacher takes one
epoch more. A weight that rises over 20 of 240 epochs rises over the same share of these. The control learns from the
labels alone, from several seeds, and its deviation between seeds is what noise means here: `gain` is in points over the
control's mean, `sigmas` in such deviations. Random flips repeat after two epochs, so teacher outputs are stored. Each
run is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from pairs import make_parser, report

from distill_core.spec.recipes import RECIPES

SGD = {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}
NORMALIZE = {"transform": "normalize"}
VIEWS = {
    "main": {"transforms": [{"transform": "horizontal_flip"}, NORMALIZE], "variants": 2},
    "strong": {"transforms": [{"transform": "rand_augment", "magnitude": 10}, NORMALIZE], "seed": 1, "variants": 2},
}
CROPS = {
    f"crop{number}": {
        "transforms": [{"transform": "random_resized_crop", "size": 28, "scale": [0.3, 1.0]}, NORMALIZE],
        "seed": number,
        "variants": 2,
    }
    for number in range(1, 5)
}
LEFT_OUT = {
    "dual": "trains its teacher as well, so that neither teacher nor budget are those of the others",
    "ghnd": "its student is another model, with a bottleneck",
    "hnd": "its student is another model, with a bottleneck",
    "tutorial_cosine": "a run of two given models",
    "tutorial_kd": "a run of two given models",
    "tutorial_regressor": "a run of two given models",
}
"""Recipes that have no place in the table, and why."""

HEADS = frozenset({"ft", "ktaad", "sskd"})
"""Recipes whose first stage trains a part of the teacher and not the student."""

NO_STAGES = frozenset({"teach_epochs", "start_epochs"})
"""Options in epochs that are no share of the student's."""

COMBINATIONS: Mapping[str, Mapping[str, Any]] = {
    "crd without kd": {"recipe": "crd", "params": {"kd_weight": 0}},
    "rkd without kd": {"recipe": "rkd", "params": {"kd_weight": 0}},
    "at + kd": {"terms": {"ce": (0.1, {}), "kd": (0.9, {}), "at": (1000, {})}},
    "review + dkd": {"terms": {"ce": (1, {}), "dkd": (1, {}), "review": (1, {})}},
}
"""Further rows: a recipe with other options, or terms written side by side."""


def describe(name: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return the spec of a row of the table."""
    row = COMBINATIONS.get(name, {"recipe": name})
    document = {
        "version": 1,
        "name": name,
        "models": {"teacher": {"model": "resnet26", "weights": {"file": "teacher.safetensors"}}}
        | {"student": {"model": "resnet8"}},
        "data": {
            "train": {"dataset": "fashion_mnist", "num_samples": options.num_samples, "views": VIEWS},
            "test": {"dataset": "fashion_mnist", "split": "test"},
        },
        "runtime": {"device": "cpu", "seed": seed, "threads": 1, "checkpoint_interval_s": 3600},
        "evaluation": {"stream": "test", "metrics": ["accuracy", "nll"], "latency": False},
        "outputs": {"curves": [], "card": False},
    }
    if name == "control":
        return document | {"stages": [_learn(options) | {"objective": {"ce": {"method": "ce"}}}]}
    if "terms" in row:
        objective = {
            key: {"method": key, "weight": weight, "params": params} for key, (weight, params) in row["terms"].items()
        }
        return document | {"stages": [_learn(options) | {"teachers": ["teacher"], "objective": objective}]}
    params = _budget(row["recipe"], options) | row.get("params", {})
    return _special(row["recipe"], document | {"recipe": {"name": row["recipe"], "params": params}}, options)


def _training(epochs: int, options: argparse.Namespace) -> dict[str, Any]:
    milestones = sorted({max(1, epochs // 3), max(1, 2 * epochs // 3)})
    schedule = {"schedule": "multistep", "milestones": [each for each in milestones if each < epochs]}
    optimizer = SGD | {"lr": 0.1 * options.batch_size / 64}
    return {"epochs": epochs, "batch_size": options.batch_size, "optimizer": optimizer, "schedule": schedule}


def _learn(options: argparse.Namespace) -> dict[str, Any]:
    return {"name": "learn", "student": "student", "train": "train", **_training(options.epochs, options)}


def _budget(recipe: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that give a recipe the epochs of all."""
    fields = RECIPES[recipe].model_fields
    stages = [name for name, field in fields.items() if name.endswith("_epochs") and field.default is not None]
    stages = [name for name in stages if name not in NO_STAGES]
    batches = {name: options.batch_size for name in fields if name.endswith("_batch_size")}
    if recipe in HEADS:
        return dict.fromkeys(stages, 1) | batches | _training(options.epochs, options)
    share = max(1, options.epochs // 4)
    return dict.fromkeys(stages, share) | batches | _training(options.epochs - share * len(stages), options)


def _special(recipe: str, document: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return the document with what a recipe needs beside a teacher and a stream."""
    unlabelled = {"dataset": "fashion_mnist", "num_samples": options.num_samples, "hold_out": HELD_OUT, "views": VIEWS}
    match recipe:
        case "takd":
            document["models"]["assistant"] = {"model": "resnet20"}
        case "tfkd_self":
            document["models"]["teacher"] = {"model": "resnet8"}
        case "mkd":
            document["models"]["teacher2"] = {"model": "resnet20", "weights": {"file": "teacher2.safetensors"}}
        case "fkd":  # four crops of an image in a batch: a quarter of the images, a quarter of the epochs
            document["data"]["train"]["views"] = VIEWS | CROPS
            document["recipe"]["params"] |= _training(max(1, options.epochs // 4), options)
            document["recipe"]["params"]["batch_size"] = options.batch_size // 4
        case "dkd" | "review":
            start, end = {"dkd": (0.05, 1.0), "review": (0.0, 5.0)}[recipe]
            rise = {"schedule": "ramp", "start": start, "end": end, "over": 20 / 240, "clock": "ratio"}
            document["recipe"]["params"][f"{recipe}_weight"] = rise
        case "uda_stl" | "unsupervised":
            document["data"]["unlabelled"] = unlabelled
    return document


HELD_OUT = {"ratio": 0.5, "part": "held_out", "seed": 7}


def train(spec: Mapping[str, Any], folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run a spec in a process of its own, unless it has been, and return its figures and how long it took.

    Of a run whose loss was no longer a number, `diverged` says when.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "figures.json"
    if not known.is_file():
        (folder / "input.json").write_text(json.dumps(spec))
        arguments = [sys.executable, "-m", "distill_core", "run", str(folder / "input.json"), "--folder", str(folder)]
        arguments += ["--weights-root", str(options.work), "--data-root", str(options.data_root)]
        arguments += ["--cache-root", str(options.work / "cache")]
        start = time.perf_counter()
        with (folder / "log.txt").open("w") as log:
            done = subprocess.run(
                arguments, check=False, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"}
            )
        figures = _read_figures(folder, done.returncode)
        known.write_text(json.dumps(figures | {"seconds": round(time.perf_counter() - start, 1)}))
    found: dict[str, Any] = json.loads(known.read_text())
    return found


def _read_figures(folder: Path, exit_code: int) -> dict[str, Any]:
    if exit_code == 0:
        figures: dict[str, Any] = json.loads((folder / "artifacts/metrics.json").read_text())["figures"]
        return figures
    *_, last = (folder / "events.jsonl").read_text().splitlines()
    event = json.loads(last)
    if event.get("reason") != "nan_loss":
        raise RuntimeError(f"{folder.name}: exit {exit_code}: {(folder / 'log.txt').read_text()[-600:]}")
    return {"diverged": event["message"]}


def train_teacher(name: str, model: str, epochs: int, options: argparse.Namespace) -> float:
    """Train a teacher once, and return its accuracy."""
    document = describe("control", options, seed=1)
    document["models"] = {"student": {"model": model}}
    document["data"]["train"]["num_samples"] = options.teacher_samples
    document["stages"][0] |= _training(epochs, options)
    folder = options.work / name
    figures = train(document, folder, options)
    (options.work / f"{name}.safetensors").write_bytes((folder / "artifacts/student.safetensors").read_bytes())
    return figures["test/accuracy"]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return the table."""
    teacher = train_teacher("teacher", "resnet26", options.teacher_epochs, options)
    train_teacher("teacher2", "resnet20", max(1, options.teacher_epochs // 2), options)
    names = options.row or [*(name for name in RECIPES if name not in LEFT_OUT), *COMBINATIONS]
    jobs = [("control", seed) for seed in range(options.control_seeds)]
    jobs += [(name, seed) for name in names for seed in range(options.seeds)]

    def run(job: tuple[str, int]) -> dict[str, Any]:
        name, seed = job
        return train(describe(name, options, seed), options.work / f"{name.replace(' ', '_')}-{seed}", options)

    with ThreadPoolExecutor(options.jobs) as pool:
        found = dict(zip(jobs, pool.map(run, jobs), strict=True))
    control = [found["control", seed]["test/accuracy"] for seed in range(options.control_seeds)]
    noise = stdev(control)
    rows = {}
    for name in names:
        diverged = [found[name, seed]["diverged"] for seed in range(options.seeds) if "diverged" in found[name, seed]]
        if diverged:
            rows[name] = {"accuracy": None, "diverged": diverged}
            continue
        reached = [found[name, seed]["test/accuracy"] for seed in range(options.seeds)]
        gain = mean(reached) - mean(control)
        rows[name] = {"accuracy": round(mean(reached), 4), "gain": round(100 * gain, 2)}
        rows[name] |= {"sigmas": round(gain / noise, 1), "seconds": found[name, 0]["seconds"]}
    return {
        "setting": {
            name: getattr(options, name)
            for name in (
                "num_samples",
                "teacher_samples",
                "batch_size",
                "epochs",
                "teacher_epochs",
                "seeds",
                "control_seeds",
            )
        },
        "teacher": round(teacher, 4),
        "control": {"accuracy": round(mean(control), 4), "deviation": round(noise, 4), "seeds": control},
        "rows": dict(sorted(rows.items(), key=lambda row: -(row[1]["accuracy"] or 0))),
        "left_out": LEFT_OUT,
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = make_parser(__doc__)
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="folder of the data sets")
    parser.add_argument("--work", type=Path, default=Path("runs/methods_accuracy"), help="folder of the runs")
    parser.add_argument("--row", action="append", help="this row; all if left out")
    parser.add_argument("--num-samples", type=int, default=1000, help="images that students learn from")
    parser.add_argument("--teacher-samples", type=int, default=16000, help="images that the teachers learn from")
    parser.add_argument("--batch-size", type=int, default=32, help="images of a batch; the rate is in proportion to it")
    parser.add_argument("--epochs", type=int, default=24, help="epochs of a student")
    parser.add_argument("--teacher-epochs", type=int, default=6, help="epochs of the teacher")
    parser.add_argument("--seeds", type=int, default=1, help="seeds of each row")
    parser.add_argument("--control-seeds", type=int, default=5, help="seeds of the control")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    options = parser.parse_args()
    if options.quick:
        options.num_samples, options.teacher_samples, options.epochs = 128, 128, 2
        options.teacher_epochs, options.control_seeds = 1, 2
    options.work.mkdir(parents=True, exist_ok=True)
    report(options, measure(options))


if __name__ == "__main__":
    main()
