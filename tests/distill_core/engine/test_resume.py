"""A run that was stopped or killed at any step and taken up again ends as one that never was."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from distill_core.engine.context import Context
from distill_core.engine.events import EventLog
from distill_core.engine.run import Sources
from distill_core.engine.run import run as run_engine
from distill_core.errors import Stopped
from distill_core.spec import resolve
from tests.distill_core.experiments import Outcome, StopAfter, distillation, run, start

TOTAL = 20
FIRST_STAGE = 8


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(distillation(), tmp_path_factory.mktemp("straight"))


def run_in_parts(folder: Path, stops: list[int]) -> Outcome:
    """Run the experiment, stopping after so many step boundaries each time."""
    spec = resolve(distillation())
    checkpoint: Path | None = None
    outcome = Outcome(folder, 0)
    for boundaries in [*stops, 10_000]:
        with EventLog(folder / "events.jsonl") as events:
            context = Context(folder, events, StopAfter(boundaries), spec.runtime)
            try:
                run_engine(spec, Sources(folder / "data", checkpoint=checkpoint), context)
                break
            except Stopped:
                checkpoint = outcome.newest_checkpoint
    return outcome


@pytest.mark.parametrize(
    "stops",
    [[0], [1], [2], [4], [FIRST_STAGE], [FIRST_STAGE + 1], [13], [TOTAL], [1, 1, 1], [3, 0, 4, 5]],
    ids=str,
)
def test_a_run_that_was_stopped_ends_with_the_same_student_and_the_same_metrics(
    straight: Outcome, tmp_path: Path, stops: list[int]
) -> None:
    resumed = run_in_parts(tmp_path, stops)
    assert resumed.student == straight.student
    assert resumed.metrics() == straight.metrics()
    for name in ("metrics.json", "spec.json"):
        assert (resumed.folder / "artifacts" / name).read_bytes() == (straight.folder / "artifacts" / name).read_bytes()
    assert [event["stage"] for event in resumed.of("stage_started")] == ["teach", "distil"]


def test_every_stop_is_told_with_the_step_of_its_checkpoint(tmp_path: Path) -> None:
    resumed = run_in_parts(tmp_path, [3, 4])
    stopped = resumed.of("stopped")
    checkpoints = resumed.of("checkpoint")
    assert [event["step"] for event in stopped] == [3, 7]
    assert [event["step"] for event in checkpoints] == [0, 3, 7, 8]
    assert [event["resumed_from_step"] for event in resumed.of("run_started")] == [None, 3, 7]


def wait_for(folder: Path, kind: str, step: int) -> None:
    """Wait until the run has told of an event at a step."""
    path = folder / "events.jsonl"
    for _ in range(1200):
        lines = path.read_text().splitlines() if path.is_file() else []
        events = [json.loads(line) for line in lines if line.endswith("}")]
        if any(event["type"] == kind and event.get("step", 0) >= step for event in events):
            return
        time.sleep(0.05)
    raise TimeoutError(f"no {kind} at step {step}")


def test_a_run_that_was_killed_ends_with_the_same_student(straight: Outcome, tmp_path: Path) -> None:
    document = distillation()
    document["runtime"] |= {"checkpoint_interval_s": 0}
    process = start(document, tmp_path)
    wait_for(tmp_path, "checkpoint", 5)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    outcome = Outcome(tmp_path, 0)
    assert len(list((tmp_path / "checkpoints").glob("*.pt"))) == 2
    resumed = run(document, tmp_path / "resumed", "--resume", outcome.newest_checkpoint)
    assert resumed.code == 0
    assert resumed.student == straight.student
    first = resumed.of("run_started")[0]["resumed_from_step"]
    assert first >= 5
    assert resumed.metrics() == [row for row in straight.metrics() if row[1] > first]
    history = json.loads((resumed.folder / "artifacts/metrics.json").read_text())["history"]
    assert history == json.loads((straight.folder / "artifacts/metrics.json").read_text())["history"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_a_checkpoint_and_exits_with_75(
    straight: Outcome, tmp_path: Path, number: signal.Signals
) -> None:
    document = distillation()
    document["stages"][1]["epochs"] = 100_000
    process = start(document, tmp_path)
    wait_for(tmp_path, "metrics", 3)
    process.send_signal(number)
    assert process.wait(60) == 75
    outcome = Outcome(tmp_path, 75)
    assert outcome.last["type"] == "stopped"
    assert outcome.of("checkpoint")[-1]["step"] == outcome.last["step"]
    shared = [row for row in straight.metrics() if row[1] <= min(FIRST_STAGE, outcome.last["step"])]
    assert outcome.metrics()[: len(shared)] == shared
