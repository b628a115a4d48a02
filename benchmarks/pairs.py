"""Paired measurement: sides that do the same work take turns in one process, and only ratios of neighbours count.

A machine's speed drifts, with its heat and with its neighbours; two steps one behind the other have it in common. So
each round runs every side once, in the order A B one time and B A the next, and what is reported is the median of the
rounds' ratios with its interquartile range. The first rounds warm up and are thrown away; Python's garbage collector
rests while the clock runs, on all sides alike.

Two clocks run: the wall's, and the processor's time of this process, which stands still while neighbours have the
core. Where nothing waits for a disk or a GPU, both should say the same; on a shared machine the second is steadier.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch

__all__ = ["Taken", "Times", "compare", "in_ms", "make_parser", "report", "summarise", "take_time", "take_turns"]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds that something took, by the wall's clock and of the processor."""

    wall: float
    cpu: float


Times = Mapping[str, Sequence[Taken]]
"""Side -> what it took in each round."""


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every measurement has."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: whether it works, not how fast it is")
    parser.add_argument("--save", action="store_true", help="write the figures to benchmarks/results")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    return parser


def take_time(call: Callable[[], object], wait: Callable[[], object] | None = None) -> Taken:
    """Return what a call takes; `wait` waits for a device that works on its own."""
    start, start_cpu = time.perf_counter(), time.process_time()
    call()
    if wait is not None:
        wait()
    return Taken(time.perf_counter() - start, time.process_time() - start_cpu)


def take_turns(
    sides: Mapping[str, Callable[[], object]],
    rounds: int,
    warmup: int = 3,
    wait: Callable[[], object] | None = None,
) -> dict[str, list[Taken]]:
    """Run every side once a round, each round in the opposite order of the one before, and return their times."""
    times: dict[str, list[Taken]] = {name: [] for name in sides}
    with _resting_collector():
        for number in range(warmup + rounds):
            order = list(sides) if number % 2 == 0 else list(reversed(sides))
            for name in order:
                taken = take_time(sides[name], wait)
                if number >= warmup:
                    times[name].append(taken)
    return times


def compare(times: Times, side: str, other: str) -> dict[str, dict[str, float]]:
    """Return the median of the ratios of one side's times to the other's, with quartiles, by both clocks.

    `fastest` is the ratio of each side's fastest round: neighbours only ever add.
    """
    return {
        "wall": _compare([taken.wall for taken in times[side]], [taken.wall for taken in times[other]]),
        "cpu": _compare([taken.cpu for taken in times[side]], [taken.cpu for taken in times[other]]),
    }


def _compare(mine: Sequence[float], its: Sequence[float]) -> dict[str, float]:
    ratios = [one / other for one, other in zip(mine, its, strict=True)]
    return summarise(ratios) | {"fastest": round(min(mine) / min(its), 4)}


def in_ms(times: Times) -> dict[str, dict[str, float]]:
    """Return the median of each side in milliseconds, by both clocks."""
    return {
        name: {
            "wall": round(median(one.wall for one in taken) * 1e3, 3),
            "cpu": round(median(one.cpu for one in taken) * 1e3, 3),
        }
        for name, taken in times.items()
    }


def summarise(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Return median, quartiles and count of some figures."""
    low, _, high = quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    figures = {"median": median(values), "q1": low, "q3": high}
    return {name: round(value, digits) for name, value in figures.items()} | {"count": len(values)}


def report(options: argparse.Namespace, figures: Mapping[str, Any], name: str | None = None) -> None:
    """Print the figures as JSON with the facts of the machine, and keep them, by `name`, where that was asked for."""
    name = name or Path(sys.argv[0]).stem
    document = {"command": _describe_command(), "machine": _describe_machine(), **figures}
    text = json.dumps(document, indent=1)
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text + "\n")


@contextmanager
def _resting_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _describe_command() -> str:
    """Return the command that repeats the measurement; folders are the reader's own."""
    words, arguments = [f"python benchmarks/{Path(sys.argv[0]).name}"], iter(sys.argv[1:])
    for word in arguments:
        if word != "--save":
            words.append(word)
        if word.startswith(("--torchdistill", "--data-root", "--work")):
            next(arguments)
            words.append("FOLDER")
    return " ".join(words)


def _describe_machine() -> dict[str, Any]:
    machine: dict[str, Any] = {
        "cpu": _name_cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if torch.cuda.is_available():
        machine |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    return machine


def _name_cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
