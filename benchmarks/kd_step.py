"""What a step of knowledge distillation costs beside a loop written by hand, and beside torchdistill.

    python benchmarks/kd_step.py --torchdistill FOLDER

Every side has the same models, weights, batch size, losses and optimizer, runs the teacher before the student, and
renders its own batches; torchdistill gets them from the hand-written loop's renderer, which is faster than loaders. It
runs as shipped, which leaves the teacher in training mode, and, to be fair to it, with the teacher in eval mode, then
with the fused optimizer as well. The engine's step is all that lies between two boundaries of a real run: batch,
schedule, step, running sums, every ten steps the metrics, and the clock of checkpoints. The cases go down to models so
small that a step is little more than Python.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import by_hand
import peer
import torch
from by_hand import Samples
from pairs import compare, in_ms, make_parser, report, take_turns
from stepping import RANDOM, SteppedRun, build, describe


@dataclass(frozen=True, slots=True)
class Case:
    """Models and data of one comparison."""

    teacher: str
    student: str
    dataset: str
    batch_size: int
    rounds: int
    is_random: bool = False

    def read(self, root: Path) -> Samples:
        """Read the data as the hand-written loop does."""
        if self.dataset == "digits":
            return by_hand.read_digits(is_random=self.is_random)
        return by_hand.read_cifar(root, 5_000, is_random=self.is_random)


CASES = {
    "resnet56 -> resnet20, 32x32, batch 128": Case("resnet56", "resnet20", "cifar10", 128, 10),
    "the same with random crops and flips": Case("resnet56", "resnet20", "cifar10", 128, 6, is_random=True),
    "resnet20 -> resnet8, 32x32, batch 64": Case("resnet20", "resnet8", "cifar10", 64, 24),
    "deep_nn -> light_nn, 32x32, batch 64": Case("deep_nn", "light_nn", "cifar10", 64, 12),
    "resnet8 -> light_nn, digits 8x8, batch 64": Case("resnet8", "light_nn", "digits", 64, 500),
}
QUICK = {
    "resnet20 -> resnet8, 32x32, batch 16": Case("resnet20", "resnet8", "cifar10", 16, 10),
    "resnet8 -> light_nn, digits 8x8, batch 64": Case("resnet8", "light_nn", "digits", 64, 100),
}


def measure(case: Case, root: Path, *, has_peer: bool) -> dict[str, Any]:
    """Return the ratios of one case."""
    spec = describe(
        case.student,
        case.teacher,
        case.batch_size,
        case.dataset,
        None if case.dataset == "digits" else 5_000,
        transforms=RANDOM if case.is_random else None,
    )
    models, samples = build(spec), case.read(root)
    run = SteppedRun(spec, root, deepcopy(models))
    sides: dict[str, Callable[[], object]] = {
        "engine": run.step,
        "by_hand": by_hand.distil(*_pick(models), samples, case.batch_size),
    }
    if has_peer:
        for name, is_eval, is_fused in PEER_SIDES:
            teacher, student = _pick(models)
            box = peer.build_box(teacher.train(not is_eval), student, is_fused=is_fused)
            sides[name] = peer.step_through(box, samples.batches(case.batch_size))
    times = take_turns(sides, case.rounds, warmup=max(3, case.rounds // 10))
    run.close()
    figures: dict[str, Any] = {"step_ms": in_ms(times)}
    figures["engine/by_hand"] = compare(times, "engine", "by_hand")
    for name in sides:
        if name not in {"engine", "by_hand"}:
            figures[f"engine/{name}"] = compare(times, "engine", name)
            figures[f"{name}/by_hand"] = compare(times, name, "by_hand")
    return figures


PEER_SIDES = (
    ("torchdistill as shipped", False, False),
    ("torchdistill, teacher in eval", True, False),
    ("torchdistill, teacher in eval, fused", True, True),
)


def _pick(models: Any) -> tuple[torch.nn.Module, torch.nn.Module]:
    return deepcopy(models["teacher"]), deepcopy(models["student"])


def _parse() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--torchdistill", type=Path, metavar="FOLDER", help="where torchdistill 1.1.5 is installed")
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
    report(options, {"torchdistill": version, "goal": {"engine/by_hand": 1.02}, "cases": figures})


if __name__ == "__main__":
    main()
