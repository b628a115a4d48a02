"""What became of an engine: from its exit code, its last words and our wish to where the job goes."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from enum import StrEnum

from server.jobs.attempts import Ending
from server.jobs.finish import Outcome
from server.jobs.lines import FailedLine, Line, SucceededLine
from server.jobs.members import NodeEnd
from server.jobs.states import Reason, State

STOPPED = 75
"""Exit code of an engine that saved a checkpoint after SIGTERM."""


class Wish(StrEnum):
    """Why a supervisor asked its engine to stop."""

    CANCEL = "cancel"  # a person asked
    PAUSE = "pause"  # a person asked
    PART = "part"  # another node of the attempt has ended
    DRAIN = "drain"  # the worker is to be cleared
    SHUTDOWN = "shutdown"  # the worker stops
    ISOLATION = "isolation"  # the database was away for too long


_WHY_STOPPED = {
    Wish.PART: "another of its hosts had ended",
    Wish.DRAIN: "its worker was drained",
    Wish.SHUTDOWN: "its worker was stopped",
    Wish.ISOLATION: "its worker had lost the database",
    None: "somebody else asked the engine to stop",
}


def decide(exit_code: int, last: Line | None, wish: Wish | None, flaws: Sequence[str], log_end: str) -> Outcome:
    """Return what the end of an engine means for its job.

    Args:
        exit_code: the engine's; negative for the signal that killed it.
        last: the last line of its events file that ends a run.
        wish: what the supervisor had asked for, if anything.
        flaws: results that the engine announced and that are not there or not what it said.
        log_end: the end of its log, for an engine that left without a word.
    """
    ending = _ending(exit_code)
    if exit_code == 0 and isinstance(last, SucceededLine) and not flaws:
        return Outcome(State.SUCCEEDED, ending)
    if wish is Wish.CANCEL:
        return _end(State.CANCELLED, ending, Reason.USER_CANCELLED)
    if isinstance(last, FailedLine) and _reason(last.reason) is Reason.RANK_FAILED:
        return _end(State.QUEUED, ending, Reason.RANK_FAILED, last.message, counted=True)
    if isinstance(last, FailedLine):
        outcome = _end(State.FAILED, ending, _reason(last.reason), last.message)
        return Outcome(outcome.target, outcome.ending, outcome.message, tuple(last.problems))
    if wish is Wish.PAUSE and exit_code != 0:
        return _end(State.PAUSED, ending, Reason.USER_PAUSED, _how_paused(exit_code))
    if exit_code == STOPPED or (wish is not None and exit_code != 0):
        reason = Reason.DRAINED if wish is Wish.DRAIN else Reason.PREEMPTED
        return _end(State.QUEUED, ending, reason, _WHY_STOPPED[wish])
    if exit_code < 0:
        hint = "; the kernel kills like this when memory runs out" if -exit_code == signal.SIGKILL else ""
        message = f"the engine was killed by signal {-exit_code} ({signal.strsignal(-exit_code)}){hint}"
        return _end(State.QUEUED, ending, Reason.ENGINE_KILLED, message, counted=True)
    message = (
        "; ".join(flaws) or f"the engine left with exit code {exit_code} and no last word; its log ends: {log_end}"
    )
    return _end(State.FAILED, ending, Reason.EXIT_CODE, message)


def blame(outcome: Outcome, ends: Sequence[NodeEnd]) -> Outcome:
    """Return the outcome of an attempt on several nodes: the cause, where this node only saw the others go.

    Args:
        outcome: what this node's engine came to.
        ends: how the other nodes ended, the first to end first.
    """
    causes = [end for end in ends if end.reason is not None]
    if not causes or outcome.ending.reason not in {Reason.RANK_FAILED, Reason.PREEMPTED}:
        return outcome
    cause = causes[0]
    reason, ending = _reason(cause.reason or ""), outcome.ending
    is_counted = reason is Reason.RANK_FAILED
    target = State.QUEUED if is_counted else State.FAILED
    return Outcome(target, Ending(reason, ending.exit_code, ending.signal, is_counted), cause.message)


def _how_paused(exit_code: int) -> str | None:
    return None if exit_code == STOPPED else "it did not save in its grace: it goes on from the checkpoint before"


def _ending(exit_code: int) -> Ending:
    return Ending(exit_code=exit_code) if exit_code >= 0 else Ending(signal=-exit_code)


def _end(state: State, ending: Ending, reason: Reason, message: str | None = None, *, counted: bool = False) -> Outcome:
    return Outcome(state, Ending(reason, ending.exit_code, ending.signal, counted), message)


def _reason(word: str) -> Reason:
    """Return the reason that an engine named; an unknown word is its exit code's business."""
    try:
        return Reason(word)
    except ValueError:
        return Reason.EXIT_CODE
