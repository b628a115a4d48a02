from __future__ import annotations

import json

import pytest

from server.jobs.attempts import Ending
from server.jobs.finish import Outcome
from server.jobs.lines import Line, parse_line
from server.jobs.members import NodeEnd
from server.jobs.states import Reason, State
from worker.outcome import Wish, blame, decide


def _last(kind: str, /, **fields: object) -> Line:
    return parse_line(json.dumps({"time": "2026-01-01T00:00:00Z", "type": kind, **fields}).encode())


DONE = _last("succeeded", figures={})
STOPPED = _last("stopped", step=3)
NAN = _last("failed", reason="nan_loss", message="the loss is NaN")
ODD = _last("failed", reason="moon_phase", message="odd")


@pytest.mark.parametrize(
    ("exit_code", "last", "wish", "target", "reason", "counted"),
    [
        (0, DONE, None, "succeeded", None, False),
        (0, DONE, Wish.CANCEL, "succeeded", None, False),
        (0, DONE, Wish.PAUSE, "succeeded", None, False),
        (0, None, Wish.PAUSE, "failed", "exit_code", False),
        (1, NAN, Wish.PAUSE, "failed", "nan_loss", False),
        (75, STOPPED, Wish.PAUSE, "paused", "user_paused", False),
        (-9, None, Wish.PAUSE, "paused", "user_paused", False),
        (0, None, None, "failed", "exit_code", False),
        (0, STOPPED, None, "failed", "exit_code", False),
        (1, NAN, None, "failed", "nan_loss", False),
        (1, NAN, Wish.SHUTDOWN, "failed", "nan_loss", False),
        (1, NAN, Wish.CANCEL, "cancelled", "user_cancelled", False),
        (1, ODD, None, "failed", "exit_code", False),
        (2, None, None, "failed", "exit_code", False),
        (75, STOPPED, Wish.SHUTDOWN, "queued", "preempted", False),
        (75, STOPPED, Wish.DRAIN, "queued", "drained", False),
        (-9, None, Wish.DRAIN, "queued", "drained", False),
        (75, STOPPED, Wish.ISOLATION, "queued", "preempted", False),
        (75, STOPPED, Wish.CANCEL, "cancelled", "user_cancelled", False),
        (75, STOPPED, None, "queued", "preempted", False),
        (-9, None, None, "queued", "engine_killed", True),
        (-9, DONE, None, "queued", "engine_killed", True),
        (-11, None, None, "queued", "engine_killed", True),
        (-9, None, Wish.SHUTDOWN, "queued", "preempted", False),
        (-9, None, Wish.CANCEL, "cancelled", "user_cancelled", False),
        (-40, None, None, "queued", "engine_killed", True),
    ],
)
def test_exit_code_last_word_and_wish_decide_where_the_job_goes(
    exit_code: int, last: Line | None, wish: Wish | None, target: str, reason: str | None, *, counted: bool
) -> None:
    outcome = decide(exit_code, last, wish, [], "the end of its log")
    assert (outcome.target, outcome.ending.reason, outcome.ending.is_counted) == (target, reason, counted)
    assert (outcome.ending.exit_code, outcome.ending.signal) == (
        (exit_code, None) if exit_code >= 0 else (None, -exit_code)
    )


def test_an_engine_that_leaves_without_a_word_is_quoted() -> None:
    assert "ModuleNotFoundError" in (decide(1, None, None, [], "ModuleNotFoundError: no x").message or "")


def test_a_pause_that_left_no_time_to_save_says_so() -> None:
    assert decide(75, STOPPED, Wish.PAUSE, [], "").message is None
    assert "the checkpoint before" in (decide(-9, None, Wish.PAUSE, [], "").message or "")


def test_a_success_with_a_broken_result_is_a_failure_that_says_what_is_broken() -> None:
    outcome = decide(0, DONE, None, ["student.safetensors has another hash"], "")
    assert (outcome.target, outcome.message) == ("failed", "student.safetensors has another hash")


BEREFT = Outcome(State.QUEUED, Ending(Reason.RANK_FAILED, exit_code=1, is_counted=True), "rank 0 lost the other ranks")
STOPPED_BY_US = Outcome(State.QUEUED, Ending(Reason.PREEMPTED, signal=9), "another of its hosts had ended")


@pytest.mark.parametrize("outcome", [BEREFT, STOPPED_BY_US])
def test_the_node_that_failed_first_gives_the_reason(outcome: Outcome) -> None:
    ends = [NodeEnd(2, 1), NodeEnd(1, 1, "host_oom", "no memory"), NodeEnd(3, 1, "nan_loss", "later")]
    blamed = blame(outcome, ends)
    assert (blamed.target, blamed.ending.reason, blamed.message) == (State.FAILED, Reason.HOST_OOM, "no memory")
    assert not blamed.ending.is_counted


def test_a_rank_that_was_killed_on_another_node_is_charged_and_answered_by_a_new_attempt() -> None:
    blamed = blame(STOPPED_BY_US, [NodeEnd(1, -9, "rank_failed", "rank 1 was killed")])
    assert (blamed.target, blamed.ending.reason, blamed.ending.is_counted) == ("queued", "rank_failed", True)


@pytest.mark.parametrize("ends", [[], [NodeEnd(1, 0)], [NodeEnd(1, 75), NodeEnd(2, -9)]])
def test_nodes_without_a_reason_are_not_to_blame(ends: list[NodeEnd]) -> None:
    assert blame(BEREFT, ends) == BEREFT


def test_what_node_0_knows_of_itself_stands() -> None:
    own = Outcome(State.FAILED, Ending(Reason.NAN_LOSS, exit_code=1), "the loss is NaN")
    assert blame(own, [NodeEnd(1, 1, "host_oom", "no memory")]) == own
