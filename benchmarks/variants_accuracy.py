"""What it costs or saves that random images come back after R epochs, so that the teacher's outputs can be kept.

    python benchmarks/variants_accuracy.py

One teacher is trained once, with fresh randomness. Then students are distilled from it, from several seeds each: with
R = 1, 2, 4, 8, 16 variants of every sample (the cache is on, so from epoch R on the teacher does not run) and with
fresh randomness in every epoch (the teacher runs in all of them). Accuracy is that of the last epoch on the whole test
split; `to_fresh` is the mean difference of the same seeds to fresh randomness, with its 95 % interval by Student's t.
Students of one seed begin with the same weights and see the same order of samples. They have few samples and many
epochs, where variety counts most: a hard case. `time` is the run's time over that of the same seed with fresh
randomness; runs come one after the other here, so it is rougher than the paired figures of cached_epoch.py.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from pairs import Taken, compare, make_parser, report, take_time
from scipy.stats import t
from stepping import SteppedRun, build, describe
from torch import nn

from distill_core.engine.evaluation import evaluate
from distill_core.engine.run import open_streams
from distill_core.spec.experiment import ResolvedSpec
from distill_core.stream import Stream

VARIANTS = (1, 2, 4, 8, 16, None)
FRESH = "fresh"
ADAM = {"optimizer": "adam", "lr": 0.002}


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the measurement; all samples are used where no number is given."""

    dataset: str
    teacher: str
    teacher_samples: int | None
    teacher_epochs: int
    student: str
    num_samples: int | None
    epochs: int
    num_seeds: int
    transforms: Sequence[Mapping[str, Any]]
    batch_size: int = 64

    def describe(self, *, teaches: bool, variants: int | None = None, seed: int = 0) -> ResolvedSpec:
        """Return the spec of one run; the teacher is a student without a teacher."""
        return describe(
            self.student if teaches else self.teacher,
            self.teacher if teaches else None,
            self.batch_size,
            self.dataset,
            self.num_samples if teaches else self.teacher_samples,
            transforms=[dict(transform) for transform in self.transforms],
            variants=variants if teaches else None,
            cache="on" if teaches and variants else "off",
            stage={"epochs": self.epochs if teaches else self.teacher_epochs, "optimizer": ADAM},
            runtime={"seed": seed},
            has_test=True,
        )


NORMALIZE = {"transform": "normalize"}
CROP = {"transform": "random_crop", "padding": 2}
FLIP = {"transform": "horizontal_flip"}
PLANS = {
    "digits": Plan("digits", "resnet8", None, 24, "light_nn", 500, 48, 5, (CROP, NORMALIZE)),
    "fashion_mnist": Plan("fashion_mnist", "light_nn", 30_000, 2, "light_nn", 1_000, 32, 5, (CROP, FLIP, NORMALIZE)),
}
QUICK = {"teacher_samples": 200, "teacher_epochs": 1, "num_samples": 200, "epochs": 3, "num_seeds": 2}


def measure(plan: Plan, root: Path) -> dict[str, Any]:
    """Return accuracy and time of every R."""
    spec = plan.describe(teaches=False)
    stream = open_streams(spec, root, torch.device("cpu"))["test"]
    teacher = build(spec)["student"]
    _train(spec, root, {"student": teacher})
    names = [FRESH if variants is None else f"R = {variants}" for variants in VARIANTS]
    accuracies: dict[str, list[float]] = {name: [] for name in names}
    times: dict[str, list[Taken]] = {name: [] for name in names}
    for seed in range(plan.num_seeds):
        for name, variants in zip(names, VARIANTS, strict=True):
            spec = plan.describe(teaches=True, variants=variants, seed=seed)
            models = {**build(spec), "teacher": teacher}
            times[name].append(take_time(partial(_train, spec, root, models)))
            accuracies[name].append(_score(models["student"], stream))
    return {
        "teacher": round(_score(teacher, stream), 4),
        "students": {
            name: {
                "accuracy": round(mean(found), 4),
                "to_fresh": _compare(found, accuracies[FRESH]),
                "time": compare(times, name, FRESH),
            }
            for name, found in accuracies.items()
        },
    }


def _train(spec: ResolvedSpec, root: Path, models: Mapping[str, nn.Module]) -> None:
    """Take a run to its end; its student then has the weights of the last step."""
    with tempfile.TemporaryDirectory() as cache:
        SteppedRun(spec, root, models, Path(cache)).finish()


def _score(model: nn.Module, stream: Stream) -> float:
    return evaluate(model, stream, 500, ("accuracy",))["accuracy"]


def _compare(found: Sequence[float], fresh: Sequence[float]) -> dict[str, float]:
    """Return the mean of paired differences in percentage points, with its 95 % interval."""
    differences = [100 * (one - other) for one, other in zip(found, fresh, strict=True)]
    count = len(differences)
    margin = float(t.ppf(0.975, count - 1)) * stdev(differences) / math.sqrt(count) if count > 1 else math.nan
    return {"points": round(mean(differences), 2), "plus_minus": round(margin, 2), "seeds": count}


def _parse() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="folder of the data sets")
    parser.add_argument("--dataset", choices=tuple(PLANS), action="append", help="on this one; all if left out")
    return parser.parse_args()


def main() -> None:
    """Measure on the data sets and print one JSON object."""
    options = _parse()
    torch.set_num_threads(options.threads)
    figures = {}
    for name in options.dataset or PLANS:
        plan = replace(PLANS[name], **QUICK) if options.quick else PLANS[name]
        figures[name] = {"plan": asdict(plan), **measure(plan, options.data_root)}
    report(options, {"datasets": figures})


if __name__ == "__main__":
    main()
