"""How much work a spec orders, as far as it can be told without opening the data."""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.spec import ResolvedSpec
from distill_core.spec.catalog import load_catalog
from distill_core.spec.data import StreamSpec
from distill_core.spec.stage import ResolvedStage


@dataclass(frozen=True, slots=True)
class Size:
    """Work of a whole run, unless its stages stop early.

    Attributes:
        steps: optimizer steps.
        samples: samples that the students train on, counted anew in each epoch.
    """

    steps: int
    samples: int


def measure_spec(resolved: ResolvedSpec) -> Size | None:
    """Return the size of a run, None where only the files know how many samples there are."""
    steps = samples = 0
    for stage in resolved.stages:
        total = count_samples(resolved.data[stage.train])
        if total is None:
            return None
        num_steps = stage.epochs * _count_steps(stage, total, resolved.runtime.nodes * resolved.runtime.devices)
        steps += num_steps
        samples += min(stage.epochs * total, num_steps * stage.batch_size)
    return Size(steps, samples)


def count_samples(stream: StreamSpec) -> int | None:
    """Return how many samples a stream reads in an epoch."""
    splits = load_catalog().datasets[stream.dataset].splits
    if splits is None or stream.split not in splits:
        return None
    available = stream.num_available(splits[stream.split])
    return available if stream.num_samples is None else min(available, stream.num_samples)


def _count_steps(stage: ResolvedStage, num_samples: int, num_ranks: int) -> int:
    """Return the steps of an epoch; a last short batch counts where every rank gets a part of it, as in the engine."""
    whole, rest = divmod(num_samples, stage.batch_size)
    largest_part = -(-rest // stage.accumulate)
    return whole + (largest_part >= num_ranks and not stage.drop_last)
