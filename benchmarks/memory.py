"""What a run takes of memory beside a loop written by hand, and whether it takes more the longer it runs.

    python benchmarks/memory.py

Every figure comes from a process of its own, which is told what to do by `--child`. `peak` is the largest resident set
of a process that reads all of CIFAR-10's shape and takes some steps of distillation; the hand-written loop takes its
models from the same registry, so both have Python, torch and the models in common, and `above_start` leaves out what
there was when these were imported. `growth` is the straight line through the resident set of steps 2,000 to 10,000 of
a run of tiny models: with the teacher running, with its outputs read from the cache, and of a hand-written loop.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import linear_regression
from typing import Any

import by_hand
import torch
from pairs import make_parser, report, summarise

from distill_core.model import ImageModelParams
from distill_core.models import MODELS

PAIR = ("resnet56", "resnet20", 128)
SMALL = ("resnet20", "resnet8", 16)
PAGE_BYTES = resource.getpagesize()
SAMPLE_EVERY = 100


def read_resident_bytes() -> int:
    """Return the resident set of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def measure_peak(side: str, root: Path, steps: int, *, is_small: bool) -> dict[str, float]:
    """Return the largest resident set of this process in MiB, with some steps of distillation."""
    teacher, student, batch_size = SMALL if is_small else PAIR
    start = read_resident_bytes()
    if side == "engine":
        step = _prepare_engine(teacher, student, batch_size, "cifar10", root)
    else:
        samples = by_hand.read_cifar(root, 50_000)
        step = by_hand.distil(_create(teacher, 3, 32), _create(student, 3, 32), samples, batch_size)
    for _ in range(steps):
        step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"start": start / 2**20, "peak": peak / 2**20}


def measure_growth(side: str, root: Path, steps: int) -> dict[str, Any]:
    """Return how the resident set of this process grows over the steps of a run of tiny models."""
    with tempfile.TemporaryDirectory() as cache:
        if side == "by_hand":
            step = by_hand.distil(_create("light_nn", 1, 8), _create("light_nn", 1, 8), by_hand.read_digits(), 16)
        else:
            step = _prepare_engine(
                "light_nn", "light_nn", 16, "digits", root, Path(cache) if "cached" in side else None
            )
        points: list[tuple[int, int]] = []
        for number in range(1, steps + 1):
            step()
            if number >= steps // 5 and number % min(SAMPLE_EVERY, steps // 10) == 0:
                points.append((number, read_resident_bytes()))
    slope, _ = linear_regression(*zip(*points, strict=True))
    return {"bytes_a_step": round(slope, 1), "MiB_between": round((points[-1][1] - points[0][1]) / 2**20, 2)}


def _prepare_engine(
    teacher: str, student: str, batch_size: int, dataset: str, root: Path, cache: Path | None = None
) -> Callable[[], None]:
    from stepping import SteppedRun, describe  # noqa: PLC0415  the hand-written loop's process must not hold the engine

    spec = describe(student, teacher, batch_size, dataset, cache="on" if cache else "off")
    return SteppedRun(spec, root, cache_root=cache).step


def _create(name: str, in_channels: int, image_size: int) -> torch.nn.Module:
    params = ImageModelParams(num_classes=10, in_channels=in_channels, image_size=image_size)
    return MODELS.create(name, params.model_dump(), "")


def _ask(options: argparse.Namespace, root: Path, kind: str, side: str) -> dict[str, Any]:
    """Return what a process of its own has measured."""
    flags = ["--quick"] if options.quick else []
    arguments = [sys.executable, __file__, "--child", kind, side, str(root), "--threads", str(options.threads), *flags]
    answer = subprocess.run(arguments, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def _answer(options: argparse.Namespace) -> dict[str, Any]:
    kind, side, root = options.child
    if kind == "peak":
        return measure_peak(side, Path(root), 2 if options.quick else 5, is_small=options.quick)
    return measure_growth(side, Path(root), 500 if options.quick else 10_000)


def _compare_peaks(options: argparse.Namespace, root: Path) -> dict[str, Any]:
    sides = ("engine", "by_hand", "by_hand", "engine")
    found = [(side, _ask(options, root, "peak", side)) for side in sides]
    by_side = {name: [figures for side, figures in found if side == name] for name in ("engine", "by_hand")}
    pairs = list(zip(by_side["engine"], by_side["by_hand"], strict=True))
    return {
        "MiB": {name: round(max(one["peak"] for one in figures), 1) for name, figures in by_side.items()},
        "engine/by_hand": summarise([ours["peak"] / its["peak"] for ours, its in pairs]),
        "engine/by_hand, above_start": summarise(
            [(ours["peak"] - ours["start"]) / (its["peak"] - its["start"]) for ours, its in pairs]
        ),
    }


def _parse() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--child", nargs=3, metavar=("KIND", "SIDE", "FOLDER"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure in processes of their own, and print one JSON object."""
    options = _parse()
    torch.set_num_threads(options.threads)
    if options.child:
        print(json.dumps(_answer(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        by_hand.write_cifar(Path(folder))
        peaks = _compare_peaks(options, Path(folder))
        growth = {side: _ask(options, Path(folder), "growth", side) for side in ("engine", "engine, cached", "by_hand")}
    report(options, {"goal": {"engine/by_hand": 1.1, "bytes_a_step": 0}, "peak": peaks, "growth": growth})


if __name__ == "__main__":
    main()
