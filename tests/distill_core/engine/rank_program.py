"""What the tests of the launcher run as a rank: a few lines of training, or one way to end."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from distill_core.cli import _leave_at_once, _listen_for_stop
from distill_core.engine.events import EventLog
from distill_core.engine.lastwords import tell_failure
from distill_core.engine.launch import EXIT_FAILED, EXIT_STOPPED
from distill_core.errors import DivergedError, Stopped

FOLDER = Path(sys.argv[2])
RANK = int(os.environ["RANK"])
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "OMP_NUM_THREADS")


def describe() -> None:
    """Write what the rank was told, then succeed."""
    told: dict[str, object] = {name: os.environ[name] for name in VARIABLES}
    told["blocked"] = sorted(signal.Signals(number).name for number in signal.pthread_sigmask(signal.SIG_BLOCK, []))
    (FOLDER / f"told.{RANK}.json").write_text(json.dumps(told))


def diverge() -> None:
    """Raise on rank 1; rank 0 waits for what never comes."""
    if RANK == 1:
        raise DivergedError("'kd' became NaN in step 7")
    time.sleep(600)


def vanish() -> None:
    """End rank 1 without a word."""
    if RANK == 1:
        sys.stdout.flush()
        os._exit(3)
    time.sleep(600)


def heed() -> None:
    """Listen late for a signal that came early, and only once."""
    while signal.SIGTERM not in signal.sigpending():
        time.sleep(0.01)
    stop = _listen_for_stop()
    assert stop.wait(60)
    stop.clear()
    assert not stop.wait(0.5), "a second signal came"
    raise Stopped("stopped")


def train() -> None:
    """Train until stopped; rank 1 may be killed or run out of memory on the way."""
    import torch

    from distill_core.distributed import any_over_ranks, current_world, join_world, leave_world, wrap
    from distill_core.engine.checkpoint import save_checkpoint

    stop = _listen_for_stop()
    world = join_world("cpu", timeout_s=60)
    objective = torch.nn.Linear(4, 1)
    wrapped = wrap(objective, world, torch.device("cpu"))
    step = 0
    while not any_over_ranks(stop.is_set()):
        wrapped(torch.ones(2, 4)).sum().backward()
        step += 1
        if step == 20 and world.is_first:
            save_checkpoint(FOLDER / "checkpoints", step, {"identity": {}, "objective": objective.state_dict()})
        if step == 100 and world.rank == 1 and sys.argv[1] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if step == 100 and world.rank == 1 and sys.argv[1] == "exhaust":
            raise MemoryError("no more")
        (FOLDER / f"step.{world.rank}").write_text(str(step))
    leave_world()
    assert current_world().size == 1
    raise Stopped(f"stopped after step {step}")


WAYS: dict[str, Callable[[], None]] = {
    "describe": describe,
    "diverge": diverge,
    "vanish": vanish,
    "heed": heed,
    "stop": train,
    "kill": train,
    "exhaust": train,
}


def main() -> int:
    """End as the engine's command does."""
    with EventLog(FOLDER / "events.jsonl" if RANK == 0 else Path(os.devnull)) as events:
        try:
            WAYS[sys.argv[1]]()
        except Stopped:
            events.emit("stopped", step=0)
            return EXIT_STOPPED
        except Exception as error:
            logging.getLogger("rank").exception("the run failed")
            events.emit("failed", **tell_failure(FOLDER, error))
            return EXIT_FAILED
        events.emit("succeeded", figures={})
        return 0


if __name__ == "__main__":
    _leave_at_once(main())
