from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from distill_core.engine import launch as launching
from distill_core.engine.checkpoint import load_checkpoint
from distill_core.engine.launch import Layout, launch
from distill_core.errors import DistributedError
from tests.distill_core.experiments import Outcome, run, start, supervised

PROGRAM = Path(__file__).with_name("rank_program.py")


def start_ranks(way: str, folder: Path, layout: Layout | None = None, stop: threading.Event | None = None) -> Outcome:
    """Launch two ranks that end in a certain way."""
    command = [sys.executable, "-P", str(PROGRAM), way, str(folder)]
    return Outcome(folder, launch(command, folder, layout or Layout(2), stop or threading.Event()))


def stop_when_there(path: Path, stop: threading.Event) -> threading.Thread:
    """Ask for a stop as soon as a file is there."""

    def wait() -> None:
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        stop.set()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def read_told(folder: Path) -> dict[int, dict[str, Any]]:
    return {int(path.suffixes[0][1:]): json.loads(path.read_text()) for path in folder.glob("told.*.json")}


def test_each_rank_is_told_its_place_and_its_share_of_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    outcome = start_ranks("describe", tmp_path)
    assert outcome.code == 0
    assert [event["type"] for event in outcome.events] == ["succeeded"]
    told = read_told(tmp_path)
    for rank in range(2):
        assert told[rank].pop("blocked") == ["SIGINT", "SIGTERM"]
        assert told[rank].pop("OMP_NUM_THREADS") == str(max(1, len(os.sched_getaffinity(0)) // 2))
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        assert told[rank] == place | {"MASTER_ADDR": "127.0.0.1"}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_a_second_host_counts_its_ranks_on_and_writes_no_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    outcome = start_ranks("describe", tmp_path, Layout(2, nodes=2, node_rank=1, master="[::1]:4000"))
    told = read_told(tmp_path)
    assert {rank: one["LOCAL_RANK"] for rank, one in told.items()} == {2: "0", 3: "1"}
    assert {(one["WORLD_SIZE"], one["MASTER_ADDR"], one["OMP_NUM_THREADS"]) for one in told.values()} == {
        ("4", "::1", "7")
    }
    assert outcome.code == 0
    assert not (tmp_path / "events.jsonl").exists()


def test_the_error_of_any_rank_is_the_failure_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "GRACE_S", 0.3)
    outcome = start_ranks("diverge", tmp_path)
    assert outcome.code == 1
    (failed,) = outcome.events
    assert (failed["type"], failed["reason"], failed["rank"]) == ("failed", "nan_loss", 1)
    assert failed["message"] == "'kd' became NaN in step 7"


def test_a_rank_that_ends_without_a_word_is_named_and_the_others_end_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "GRACE_S", 0.3)
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks/0.json").write_text("what an earlier run left")
    outcome = start_ranks("vanish", tmp_path)
    assert outcome.code == 1
    assert (outcome.last["reason"], outcome.last["rank"]) == ("rank_failed", 1)
    assert "rank 1 ended with exit code 3" in outcome.last["message"]


def test_a_signal_reaches_every_rank_once_even_before_it_listens(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    outcome = start_ranks("heed", tmp_path, stop=stop)
    assert outcome.code == 75
    assert [event["type"] for event in outcome.events] == ["stopped"]


def test_all_ranks_stop_at_the_same_step(tmp_path: Path) -> None:
    stop = threading.Event()
    thread = stop_when_there(tmp_path / "step.0", stop)
    outcome = start_ranks("stop", tmp_path, stop=stop)
    thread.join()
    assert outcome.code == 75
    assert outcome.last["type"] == "stopped"
    assert (tmp_path / "step.0").read_text() == (tmp_path / "step.1").read_text()


def test_a_killed_rank_ends_the_run_and_the_last_checkpoint_survives(tmp_path: Path) -> None:
    outcome = start_ranks("kill", tmp_path)
    assert outcome.code == 1
    (failed,) = outcome.events
    assert (failed["type"], failed["reason"], failed["rank"]) == ("failed", "rank_failed", 1)
    assert "rank 1 was killed by signal 9" in failed["message"]
    lost = json.loads((tmp_path / "ranks/0.json").read_text())
    assert lost["is_bereft"]
    assert "rank 0 lost the other ranks" in lost["failure"]["message"]
    assert "weight" in load_checkpoint(outcome.newest_checkpoint, {})["objective"]


def test_the_rank_that_fails_first_gives_the_reason_not_those_that_lose_it(tmp_path: Path) -> None:
    outcome = start_ranks("exhaust", tmp_path)
    assert outcome.code == 1
    (failed,) = outcome.events
    assert (failed["reason"], failed["rank"]) == ("host_oom", 1)


def test_ranks_die_with_their_launcher(tmp_path: Path) -> None:
    document = supervised()
    document["stages"][0]["epochs"] = 100_000
    document["runtime"]["devices"] = 2
    process = start(document, tmp_path)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while len(ranks := children.read_text().split()) < 2:
        assert time.monotonic() < deadline, "no ranks were started"
        time.sleep(0.02)
    stats = [Path(f"/proc/{rank}/stat") for rank in ranks]
    time.sleep(0.5)  # in the middle of loading, or before: both must do
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while any(_is_alive(stat) for stat in stats):
        assert time.monotonic() < deadline, "a rank outlived its launcher"
        time.sleep(0.02)


def test_hosts_that_cannot_meet_are_told_so(tmp_path: Path) -> None:
    document = supervised()
    document["runtime"]["nodes"] = 2
    outcome = run(document, tmp_path, "--node-rank", "1")
    assert outcome.code == 1
    assert outcome.last["reason"] == "rank_failed"
    assert "2 hosts need --node-rank 0 to 1 and --master HOST:PORT" in outcome.last["message"]
    assert "got --node-rank 1 and --master None" in outcome.last["message"]


@pytest.mark.parametrize(
    ("node_rank", "master"), [(None, "a:1"), (2, "a:1"), (-1, "a:1"), (0, "a"), (0, ":1"), (0, "a:")]
)
def test_an_incomplete_meeting_is_refused(node_rank: int | None, master: str) -> None:
    with pytest.raises(DistributedError, match="HOST:PORT"):
        Layout(2, 2, node_rank, master)


def _is_alive(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
