from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.jobs.members import NodeEnd
from worker.words import describe_end


def _leave(folder: Path, rank: int, reason: str, *, time: float, is_bereft: bool = False) -> None:
    (folder / "ranks").mkdir(exist_ok=True)
    failure = {"reason": reason, "code": reason, "message": f"rank {rank} says {reason}", "problems": []}
    words = {"rank": rank, "time": time, "failure": failure, "is_bereft": is_bereft}
    (folder / "ranks" / f"{rank}.json").write_text(json.dumps(words))


@pytest.mark.parametrize("exit_code", [0, 75])
def test_a_node_that_was_done_or_stopped_has_no_reason(tmp_path: Path, exit_code: int) -> None:
    _leave(tmp_path, 2, "host_oom", time=1.0)
    assert describe_end(1, exit_code, tmp_path, was_asked=False) == NodeEnd(1, exit_code)


def test_the_first_rank_that_did_not_merely_lose_the_others_gives_the_reason(tmp_path: Path) -> None:
    _leave(tmp_path, 2, "rank_failed", time=1.0, is_bereft=True)
    _leave(tmp_path, 3, "nan_loss", time=3.0)
    _leave(tmp_path, 4, "host_oom", time=2.0)
    assert describe_end(1, 1, tmp_path, was_asked=False) == NodeEnd(1, 1, "host_oom", "rank 4 says host_oom")


def test_a_node_whose_ranks_only_lost_the_others_is_no_cause(tmp_path: Path) -> None:
    _leave(tmp_path, 2, "rank_failed", time=1.0, is_bereft=True)
    assert describe_end(1, 1, tmp_path, was_asked=False) == NodeEnd(1, 1)


def test_an_engine_that_left_without_a_word_is_a_cause_unless_it_was_asked_to(tmp_path: Path) -> None:
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks/2.json").write_text("{")
    killed = describe_end(1, -9, tmp_path, was_asked=False)
    assert (killed.reason, "signal 9" in (killed.message or "")) == ("rank_failed", True)
    assert describe_end(1, -9, tmp_path, was_asked=True) == NodeEnd(1, -9)
