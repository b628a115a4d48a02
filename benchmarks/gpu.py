"""What the engine does on a GPU: beside a hand-tuned loop, with its cache, and where launches cost more than the work.

    python benchmarks/gpu.py

`distillation`: images a second of ResNet-50 -> ResNet-18 at 224 px in bf16 and channels_last, engine over a loop that
was tuned by hand for just that; data lies on the GPU and is resized there, on both sides. `cached`: the same stage
reading its teacher's logits, over the student alone. `utilisation`: share of the time in which the GPU ran a kernel.
`small`: ResNet-20 -> ResNet-8 at 32 px, where launching kernels takes longer than they do: the engine compiled over
the engine eager, and a loop compiled by hand with CUDA graphs over one that is not.

Sides take turns in blocks of steps, and the clock waits for the device at the end of a block. `--device cpu` runs it
all at a tiny size: whether it works, not how fast it is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import by_hand
import torch
import torchvision
from by_hand import Samples
from pairs import Times, compare, make_parser, report, summarise, take_turns
from stepping import NORMALIZE, SteppedRun, build, describe
from torch import Tensor, nn
from torch.nn import functional

from distill_core.spec.experiment import ResolvedSpec


@dataclass(frozen=True, slots=True)
class Size:
    """How large everything is.

    Attributes:
        teacher: one of torchvision's models.
        student: another.
        pixels: side of the images.
        batch_size: samples a step.
        small_batch: samples a step of the small models.
        num_steps: steps an epoch.
        block: steps between two looks at the clock.
        rounds: blocks of each side.
    """

    teacher: str
    student: str
    pixels: int
    batch_size: int
    small_batch: int
    num_steps: int
    block: int
    rounds: int


GPU = Size("resnet50", "resnet18", 224, 256, 128, 40, 10, 12)
TINY = Size("resnet18", "resnet18", 32, 4, 4, 2, 1, 3)


class Bench:
    """One device, one size, one folder of data."""

    def __init__(self, device: str, size: Size, root: Path) -> None:
        self.device = device
        self.size = size
        self.root = root

    def specify(self, teacher: str | None, cache: str = "off") -> ResolvedSpec:
        """Return the spec of the large models, which only hold their places here."""
        return describe(
            "resnet8",
            teacher and "resnet8",
            self.size.batch_size,
            num_samples=self.size.batch_size * self.size.num_steps,
            transforms=[{"transform": "resize", "size": self.size.pixels}, *NORMALIZE],
            cache=cache,
            runtime={**self._runtime(), "precision": "bf16", "memory_format": "channels_last"},
        )

    def specify_small(self, *, is_compiled: bool) -> ResolvedSpec:
        """Return the spec of the small models."""
        num_samples = self.size.small_batch * self.size.num_steps
        runtime = {**self._runtime(), "compile": is_compiled}
        return describe("resnet8", "resnet20", self.size.small_batch, num_samples=num_samples, runtime=runtime)

    def build_large(self) -> Mapping[str, nn.Module]:
        """Return torchvision's models, knowing where their logits are."""
        models = {}
        for role, name in (("teacher", self.size.teacher), ("student", self.size.student)):
            model = torchvision.models.get_model(name, num_classes=10).to(self.device)
            model.feature_points = {"logits": "fc"}
            models[role] = model
        return models

    def run_turns(self, steps: Mapping[str, Callable[[], object]]) -> Times:
        """Let the sides take turns in blocks of steps."""
        sides = {name: _repeat(step, self.size.block) for name, step in steps.items()}
        wait = torch.cuda.synchronize if self.device == "cuda" else None
        return take_turns(sides, self.size.rounds, warmup=3, wait=wait)

    def rates(self, times: Times, batch_size: int) -> dict[str, float]:
        """Return images a second."""
        return {
            name: round(batch_size * self.size.block / median(one.wall for one in taken), 1)
            for name, taken in times.items()
        }

    def _runtime(self) -> dict[str, Any]:
        return {"device": self.device, "deterministic": False}


def measure_distillation(bench: Bench) -> dict[str, Any]:
    """Return the engine's speed over a hand-tuned loop's, and how busy the GPU was meanwhile."""
    models = bench.build_large()
    run = SteppedRun(bench.specify("teacher"), bench.root, deepcopy(models))
    tuned = tune(deepcopy(models), bench)
    times = bench.run_turns({"engine": run.step, "by_hand": tuned})
    busy = watch_utilisation(_repeat(run.step, bench.size.num_steps)) if bench.device == "cuda" else None
    run.close()
    return {
        "images_a_second": bench.rates(times, bench.size.batch_size),
        "engine/by_hand": compare(times, "by_hand", "engine"),  # speed: the inverse of times
        "utilisation": busy,
    }


def measure_cache(bench: Bench) -> dict[str, Any]:
    """Return the speed of reading epochs over the student's alone."""
    models = bench.build_large()
    with tempfile.TemporaryDirectory() as cache:
        cached = SteppedRun(bench.specify("teacher", "on"), bench.root, deepcopy(models), Path(cache))
        alone = SteppedRun(bench.specify(None), bench.root, deepcopy(models))
        while cached.position.epoch == 0:
            cached.step()
        times = bench.run_turns({"cached": cached.step, "student alone": alone.step})
        cached.close()
        alone.close()
    return {
        "images_a_second": bench.rates(times, bench.size.batch_size),
        "cached/student alone": compare(times, "student alone", "cached"),
    }


def measure_small(bench: Bench) -> dict[str, Any]:
    """Return what compiling gains where launches are what takes the time."""
    eager, compiled = (bench.specify_small(is_compiled=flag) for flag in (False, True))
    models = {name: model.to(bench.device) for name, model in build(eager).items()}
    runs = {
        "engine": SteppedRun(eager, bench.root, deepcopy(models)),
        "engine, compiled": SteppedRun(compiled, bench.root, deepcopy(models)),
    }
    samples = by_hand.read_cifar(bench.root, bench.size.small_batch * bench.size.num_steps, bench.device)
    steps: dict[str, Callable[[], object]] = {name: run.step for name, run in runs.items()}
    for name, mode in (("by_hand", None), ("by_hand, CUDA graphs", "reduce-overhead")):
        steps[name] = compute_small(deepcopy(models), samples, bench.size.small_batch, mode)
    times = bench.run_turns(steps)
    for run in runs.values():
        run.close()
    return {
        "images_a_second": bench.rates(times, bench.size.small_batch),
        "engine, compiled/engine": compare(times, "engine", "engine, compiled"),
        "engine/by_hand": compare(times, "by_hand", "engine"),
        "by_hand, CUDA graphs/by_hand": compare(times, "by_hand", "by_hand, CUDA graphs"),
        "engine, compiled/by_hand, CUDA graphs": compare(times, "by_hand, CUDA graphs", "engine, compiled"),
    }


def tune(models: Mapping[str, nn.Module], bench: Bench) -> Callable[[], object]:
    """Return a step of a loop that was tuned by hand: bf16, channels_last, fused optimizer, no wait for the device."""
    teacher, student = (models[name].to(memory_format=torch.channels_last) for name in ("teacher", "student"))
    count, size = bench.size.batch_size * bench.size.num_steps, (bench.size.pixels,) * 2
    samples = by_hand.read_cifar(bench.root, count, bench.device)

    def render() -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in samples.batches(bench.size.batch_size):
            large = functional.interpolate(images, size, mode="bilinear", antialias=True)
            yield large.contiguous(memory_format=torch.channels_last), labels

    teacher.eval()
    return _step_through(teacher, student.train(), render(), bench.device, torch.bfloat16)


def compute_small(
    models: Mapping[str, nn.Module], samples: Samples, batch_size: int, mode: str | None
) -> Callable[[], object]:
    """Return a step of a hand-written loop, its models compiled in a mode or as they are."""
    teacher, student = models["teacher"].eval(), models["student"].train()
    if mode is not None:
        teacher, student = (torch.compile(model, mode=mode) for model in (teacher, student))
    return _step_through(teacher, student, samples.batches(batch_size), samples.labels.device.type, None)


def _step_through(
    teacher: nn.Module,
    student: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]],
    device: str,
    dtype: torch.dtype | None,
) -> Callable[[], object]:
    optimizer = torch.optim.SGD(
        student.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
    )

    def step() -> None:
        torch.use_deterministic_algorithms(mode=False)
        torch.compiler.cudagraph_mark_step_begin()
        images, labels = next(batches)
        with torch.autocast(device, dtype, enabled=dtype is not None):
            with torch.no_grad():
                taught = teacher(images)
            said = student(images)
        said, taught = said.float(), taught.float()
        ce = functional.cross_entropy(said, labels)
        soft, target = functional.log_softmax(said / 4, 1), functional.log_softmax(taught / 4, 1)
        loss = 0.1 * ce + 0.9 * 16 * functional.kl_div(soft, target, reduction="batchmean", log_target=True)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def watch_utilisation(work: Callable[[], object]) -> dict[str, float]:
    """Return the share of time in which a kernel ran, in percent, as the driver counts it during some work."""
    seen: list[float] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(0.2):
            seen.append(float(torch.cuda.utilization()))

    watcher = threading.Thread(target=look)
    watcher.start()
    work()
    torch.cuda.synchronize()
    is_over.set()
    watcher.join()
    return summarise(seen, digits=1)


def _repeat(step: Callable[[], object], count: int) -> Callable[[], object]:
    def block() -> None:
        for _ in range(count):
            step()

    return block


def _parse() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu.py: torch finds no CUDA device here, and there is nothing else to measure; --device cpu tries it")
    if options.device == "cpu" and options.save:
        sys.exit("gpu.py: --device cpu only shows that it works; its figures say nothing and are not saved")
    return options


def main() -> None:
    """Measure and print one JSON object."""
    options = _parse()
    torch.set_num_threads(options.threads)
    size = TINY if options.device == "cpu" or options.quick else GPU
    goals = {"engine/by_hand": 0.95, "cached/student alone": 0.97, "engine, compiled/engine": 2.0}
    with tempfile.TemporaryDirectory() as folder:
        by_hand.write_cifar(Path(folder))
        bench = Bench(options.device, size, Path(folder))
        figures = {
            "distillation": measure_distillation(bench),
            "cached": measure_cache(bench),
            "small": measure_small(bench),
        }
    report(options, {"goal": goals, **figures})


if __name__ == "__main__":
    main()
