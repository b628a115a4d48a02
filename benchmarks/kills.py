"""A run that is killed at random steps and resumed each time, compared with the same run left alone.

    PYTHONPATH=. python benchmarks/kills.py --save

The run (tests/distill_core/killing.py) has two stages, a memory bank, dropout, a running mean of the weights, parts of
steps, replayable random views, a cache of the teacher's outputs and loader workers. Every start is a process of its
own, on the CPU with one thread, that goes on from the newest checkpoint. A signal is sent a random time after the
checkpoint of a random step was told: SIGKILL, or SIGTERM, which saves and leaves (pause and resume).

Each signal is shown on two caches: the run's own, and one that another run fills meanwhile. That other run began first
and is held still until the killed run has found the entry taken; then it goes on and completes the entry beside the
kills. `num_beside_complete_entry` counts the signals after which an entry was complete. What must be equal bit by bit:
the student's file, and every logged value.

`is_sharp` says whether the two undisturbed runs, cached and not, differ: if they do, a killed run that came to read
other rows than it began with could not be equal.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pairs import report

from tests.distill_core.experiments import Outcome
from tests.distill_core.killing import FIRST_STAGE, Attempts, at_step, counted_points, everything, told

EPOCHS = 15
LAST_STEP = FIRST_STAGE + 4 * EPOCHS
SPEC = everything(EPOCHS, checkpoint_interval_s=0)
LONGEST_DELAY_S = 0.05
"""A little more than a step takes with its checkpoint, so that signals fall on every part of one."""


@dataclass(slots=True)
class Trial:
    """One run with the signals that it got.

    Attributes:
        attempts: the run.
        cache: folder of the cache.
        resumed_from: steps that it went on from.
        num_beside_complete: signals after which a cache entry was complete.
    """

    attempts: Attempts
    cache: Path
    resumed_from: list[int] = field(default_factory=list)
    num_beside_complete: int = 0

    def interrupt(self, number: int, steps: Sequence[int], chance: random.Random) -> Iterator[int]:
        """Interrupt the run at some steps, then let it end; yield after each signal where it will go on from."""
        for step in steps:
            self.attempts.interrupt(number, at_step(step), chance.uniform(0, LONGEST_DELAY_S))
            if self.attempts.codes[-1] == 0:
                return
            self.resumed_from.append(int(self.attempts.outcome.newest_checkpoint.stem.removeprefix("step-")))
            self.num_beside_complete += any(self.cache.glob("*/complete.json"))
            yield self.resumed_from[-1]
        self.attempts.finish()

    def compare(self, left_alone: Outcome) -> dict[str, Any]:
        """Return what the run left beside what an undisturbed one did."""
        outcome = self.attempts.outcome
        expected, found = counted_points(left_alone), counted_points(outcome)
        names = expected.keys() | found.keys()
        return {
            "num_interruptions": len(self.resumed_from),
            "num_in_second_stage": sum(step >= FIRST_STAGE for step in self.resumed_from),
            "num_beside_complete_entry": self.num_beside_complete,
            "resumed_from_steps": " ".join(map(str, self.resumed_from)),
            "exit_codes": {str(code): self.attempts.codes.count(code) for code in sorted(set(self.attempts.codes))},
            "cache": [f"{event['mode']}: {event['reason']}" for event in outcome.of("cache")][:1],
            "student_sha256": _digest(outcome),
            "is_student_equal": outcome.student == left_alone.student,
            "num_logged_values": len(found),
            "num_logged_values_differing": sum(expected.get(name) != found.get(name) for name in names),
        }


@contextmanager
def filled_by_another(folder: Path, cache: Path) -> Iterator[Callable[[], None]]:
    """Start a run that begins to fill the cache, and hold it still; yield a function that lets it go on."""
    other = Attempts(SPEC, folder, ("--cache-root", cache))
    with other.started() as process:
        other.await_event(process, told("cache", mode="write"))
        process.send_signal(signal.SIGSTOP)
        yield lambda: process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGCONT)
        process.wait()
    if other.codes != [0]:
        raise RuntimeError(f"the run that fills the cache ended with {other.codes}")


def measure(folder: Path, number: int, count: int, left_alone: Outcome, *, is_shared: bool) -> dict[str, Any]:
    """Interrupt one run so many times and compare."""
    chance = random.Random(f"{number} {is_shared}")  # noqa: S311  no secret
    steps = sorted(chance.sample(range(1, LAST_STEP), count))
    cache = folder / "cache"
    trial = Trial(Attempts(SPEC, folder / "run", ("--cache-root", cache)), cache)
    with ExitStack() as stack:
        release = stack.enter_context(filled_by_another(folder / "other", cache)) if is_shared else None
        for step in trial.interrupt(number, steps, chance):
            if release is not None and step >= FIRST_STAGE:
                release()
    return trial.compare(left_alone)


def main() -> None:
    """Run all cases and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interruptions", type=int, default=20, help="signals a run, at different steps")
    parser.add_argument("--save", action="store_true", help="keep the figures under benchmarks/results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cached = Attempts(SPEC, folder / "cached", ("--cache-root", folder / "its cache")).finish()
        live = Attempts(SPEC, folder / "live").finish()
        figures: dict[str, Any] = {
            "command": "PYTHONPATH=. python benchmarks/kills.py",
            "steps": LAST_STEP,
            "left_alone": {"cached": _digest(cached), "live": _digest(live)},
            "is_sharp": cached.student != live.student,
        }
        for number in (signal.SIGKILL, signal.SIGTERM):
            for is_shared in (False, True):
                case = f"{number.name}, {'filled by another run' if is_shared else 'own cache'}"
                place = folder / case.replace(", ", " ")
                left_alone = live if is_shared else cached
                figures[case] = measure(place, number, options.interruptions, left_alone, is_shared=is_shared)
    report(options, figures)


def _digest(outcome: Outcome) -> str:
    return hashlib.sha256(outcome.student).hexdigest()


if __name__ == "__main__":
    main()
