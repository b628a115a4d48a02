"""What the teacher cache costs and saves, epoch by epoch, and what it takes on disk.

    python benchmarks/cached_epoch.py --torchdistill FOLDER

Three runs of the engine take their steps in turn: one that writes its teacher's logits in the first R epochs and reads
them in the later ones, one that asks the teacher anew at every step, and the student alone with cross-entropy. `first`
compares the writing epochs with uncached ones, `later` the reading epochs with those of the student alone; both by
step, and as the sum over an epoch, which has in it what its end costs (filling, sealing; with epochs as short as these
that weighs more than it would). torchdistill 1.1.4, its last release with a cache, does the same work on images that
were rendered beforehand, through a loader in this process; its teacher is in eval mode. `full_size` is what the logits
of 50,000 samples take on disk.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import by_hand
import peer
import torch
from pairs import Taken, Times, compare, in_ms, make_parser, report, take_turns
from stepping import RANDOM, SteppedRun, build, describe
from torch.utils.data import TensorDataset

from distill_core.cache import Column, open_cache

NUM_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Case:
    """Models, data and length of one measurement.

    Attributes:
        teacher: whose logits are kept.
        student: who learns.
        batch_size: samples a step.
        num_steps: steps an epoch.
        num_later: reading epochs.
        num_repeats: how often it is done, each time with an empty cache.
        variants: R, where images are cropped and mirrored at random; 0 where they are not.
    """

    teacher: str
    student: str
    batch_size: int
    num_steps: int
    num_later: int
    num_repeats: int
    variants: int = 0

    def describe(self, teacher: str | None, cache: str = "off") -> Any:
        """Return the spec of a run."""
        return describe(
            self.student,
            teacher,
            self.batch_size,
            num_samples=self.batch_size * self.num_steps,
            transforms=RANDOM if self.variants else None,
            variants=self.variants or None,
            cache=cache,
        )


CASES = {
    "resnet56 -> resnet20, 32x32, batch 128": Case("resnet56", "resnet20", 128, 12, 1, 1),
    "resnet20 -> resnet8, random crops and flips, R = 4, batch 64": Case("resnet20", "resnet8", 64, 16, 4, 1, 4),
    "deep_nn -> light_nn, 32x32, batch 64": Case("deep_nn", "light_nn", 64, 20, 3, 1),
}
QUICK = {
    "resnet20 -> resnet8, 32x32, batch 16": Case("resnet20", "resnet8", 16, 5, 2, 1),
    "the same, R = 2": Case("resnet20", "resnet8", 16, 5, 2, 1, 2),
}


def measure(case: Case, root: Path, *, has_peer: bool) -> dict[str, Any]:
    """Return the ratios of one case."""
    repeats = [_measure_once(case, root, has_peer=has_peer) for _ in range(case.num_repeats)]
    first, later = (_join([repeat[phase] for repeat in repeats]) for phase in ("first", "later"))
    figures: dict[str, Any] = {
        "steps_per_epoch": case.num_steps,
        "first_step_ms": in_ms(first),
        "later_step_ms": in_ms(later),
        "first": compare(first, "cached", "uncached"),
        "first, by epoch": compare(_sum_epochs(first, case.num_steps), "cached", "uncached"),
        "later": compare(later, "cached", "student alone"),
        "later, by epoch": compare(_sum_epochs(later, case.num_steps), "cached", "student alone"),
        "disk": repeats[0]["disk"],
    }
    if has_peer and not case.variants:
        figures["torchdistill"] = {
            "first, to its uncached": compare(first, "torchdistill, cached", "torchdistill, uncached"),
            "later, to its uncached": compare(later, "torchdistill, cached", "torchdistill, uncached"),
            "engine/torchdistill, first": compare(first, "cached", "torchdistill, cached"),
            "engine/torchdistill, later": compare(later, "cached", "torchdistill, cached"),
        }
    return figures


def _measure_once(case: Case, root: Path, *, has_peer: bool) -> dict[str, Any]:
    """Return the times of both phases, and what is on disk between them."""
    with tempfile.TemporaryDirectory() as folder:
        ours, its = Path(folder) / "ours", Path(folder) / "its"
        models = build(case.describe(case.teacher))
        uncached = SteppedRun(case.describe(case.teacher), root, deepcopy(models))
        alone = SteppedRun(case.describe(None), root, deepcopy(models))
        cached = SteppedRun(case.describe(case.teacher, "on"), root, deepcopy(models), ours)
        for _ in range(3):
            uncached.step()
            alone.step()
        sides: dict[str, Callable[[], object]] = {"cached": cached.step, "uncached": uncached.step}
        taught: dict[str, Callable[[], object]] = {}
        if has_peer and not case.variants:
            taught["torchdistill, cached"] = _teach(case, root, models, its)
            taught["torchdistill, uncached"] = _teach(case, root, models, None)
            sides |= taught
        first = take_turns(sides, max(1, case.variants) * case.num_steps, warmup=0)
        sides = {"cached": cached.step, "student alone": alone.step, **taught}
        later = take_turns(sides, case.num_later * case.num_steps, warmup=0)
        for run in (uncached, alone, cached):
            run.close()
        num_rows = case.batch_size * case.num_steps * max(1, case.variants)
        disk: dict[str, Any] = {"engine": _weigh(ours, num_rows, NUM_CLASSES)}
        if taught:
            disk["torchdistill"] = _weigh(its, num_rows, NUM_CLASSES)
    return {"first": first, "later": later, "disk": disk}


def _join(parts: Sequence[Times]) -> Times:
    return {name: [taken for part in parts for taken in part[name]] for name in parts[0]}


def _teach(case: Case, root: Path, models: Any, cache: Path | None) -> Callable[[], None]:
    """Return a function that takes a step of the peer, with a loader and a cache of its own."""
    samples = by_hand.read_cifar(root, case.batch_size * case.num_steps)
    images = samples.pixels.float().div_(255).sub_(samples.mean).div_(samples.std)
    box = peer.build_box(
        deepcopy(models["teacher"]).eval(),
        deepcopy(models["student"]),
        datasets={"train": TensorDataset(images, samples.labels)},
        loader=peer.loader_config(case.batch_size, cache),
    )
    return peer.step_with_loader(box)


def weigh_full_size(num_classes: int, num_rows: int = 50_000, num_variants: int = 1) -> dict[str, Any]:
    """Return what the logits of a whole data set take."""
    with tempfile.TemporaryDirectory() as folder:
        column = Column("logits", (num_classes,))
        cache = open_cache(Path(folder), {"benchmark": "disk"}, num_rows, num_variants, [column], 2**40, "benchmark")
        for variant in range(num_variants):
            cache.write(variant, torch.arange(num_rows), {"logits": torch.randn(num_rows, num_classes)})
        cache.seal()
        cache.close()
        return _weigh(Path(folder), num_rows * num_variants, num_classes)


def _weigh(folder: Path, num_rows: int, num_classes: int) -> dict[str, Any]:
    """Return what a folder takes; `blocks` is what the file system gives for it."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    size, taken = sum(file.st_size for file in files), sum(file.st_blocks * 512 for file in files)
    raw = num_rows * num_classes * 4
    return {
        "files": len(files),
        "raw_bytes": raw,
        "bytes_a_sample": round(size / num_rows, 1),
        "bytes_to_raw": round(size / raw, 4),
        "blocks_to_raw": round(taken / raw, 4),
    }


def _sum_epochs(times: Times, num_steps: int) -> Times:
    """Return what each epoch took."""

    def add(steps: Sequence[Taken]) -> Taken:
        return Taken(sum(step.wall for step in steps), sum(step.cpu for step in steps))

    return {
        name: [add(steps[start : start + num_steps]) for start in range(0, len(steps), num_steps)]
        for name, steps in times.items()
    }


def _parse() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--torchdistill", type=Path, metavar="FOLDER", help="where torchdistill 1.1.4 is installed")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run this case alone, from 0")
    return parser.parse_args()


def main() -> None:
    """Measure all cases and print one JSON object."""
    options = _parse()
    torch.set_num_threads(options.threads)
    version = peer.import_peer(options.torchdistill) if options.torchdistill else None
    cases = QUICK if options.quick else CASES
    if options.only is not None:
        cases = dict([list(cases.items())[options.only]])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        by_hand.write_cifar(root)
        figures = {name: measure(case, root, has_peer=version is not None) for name, case in cases.items()}
    full_size = {
        "10 classes": weigh_full_size(10),
        "100 classes": weigh_full_size(100),
        "10 classes, 8 variants": weigh_full_size(10, num_variants=8),
    }
    goals = {"first": 1.05, "later": 1.05, "bytes_to_raw": 1.1}
    report(options, {"torchdistill": version, "goal": goals, "cases": figures, "full_size": full_size})


if __name__ == "__main__":
    main()
