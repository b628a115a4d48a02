"""The one table of job states: every move that a job can make, and why.

The API, the dashboard and the documentation are made from this table; a test refuses every other move.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  # waits for a device
    STARTING = "starting"  # has devices; its engine is being started
    RUNNING = "running"  # its engine runs
    PAUSING = "pausing"  # asked to pause; its engine saves a checkpoint
    PAUSED = "paused"  # rests until somebody resumes it
    CANCELLING = "cancelling"  # asked to cancel; its engine is being ended
    SUCCEEDED = "succeeded"  # done; the student can be downloaded
    FAILED = "failed"  # ended by an error that a person must look at
    CANCELLED = "cancelled"  # ended because a person asked, or its sweep


class Reason(StrEnum):
    """Why a job stands where it stands, for programs; a message for people goes with it."""

    USER_CANCELLED = "user_cancelled"
    USER_PAUSED = "user_paused"
    USER_RESUMED = "user_resumed"
    USER_RETRIED = "user_retried"
    WORKER_LOST = "worker_lost"
    ENGINE_KILLED = "engine_killed"
    RESTARTS_EXHAUSTED = "restarts_exhausted"
    PREEMPTED = "preempted"
    DRAINED = "drained"
    NOT_STARTED = "not_started"
    CUDA_OOM = "cuda_oom"
    HOST_OOM = "host_oom"
    NAN_LOSS = "nan_loss"
    EXIT_CODE = "exit_code"
    MAX_RUNTIME = "max_runtime"
    SPEC_REJECTED_AT_START = "spec_rejected_at_start"
    DATA_MISSING = "data_missing"
    WEIGHTS_INVALID = "weights_invalid"
    CHECKPOINT_INVALID = "checkpoint_invalid"
    CACHE_UNUSABLE = "cache_unusable"  # stored teacher outputs cannot be made, read or trusted
    EXPORT_FAILED = "export_failed"  # the student cannot be exported, or the export computes something else
    RANK_FAILED = "rank_failed"  # a process of a run on several devices was lost
    ARTIFACT_MISSING = "artifact_missing"
    DISK_FULL = "disk_full"
    DEPENDENCY = "dependency"  # waits for the student of another job
    QUOTA = "quota"  # waits for devices that its project may hold
    CACHE_BUILD = "cache_build"  # waits for teacher outputs that another job is storing
    DEPENDENCY_FAILED = "dependency_failed"  # the job whose student it needs has none
    MAX_PENDING = "max_pending"  # waited longer than it should
    SWEEP_STOPPED = "sweep_stopped"  # other trials of its sweep are ahead


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.STARTING, State.CANCELLED, State.FAILED}),
    State.STARTING: frozenset(
        {State.RUNNING, State.QUEUED, State.PAUSING, State.CANCELLING, State.FAILED, State.SUCCEEDED}
    ),
    State.RUNNING: frozenset({State.QUEUED, State.PAUSING, State.CANCELLING, State.SUCCEEDED, State.FAILED}),
    State.PAUSING: frozenset({State.PAUSED, State.CANCELLING, State.SUCCEEDED, State.FAILED}),
    State.PAUSED: frozenset({State.QUEUED, State.CANCELLED}),
    State.CANCELLING: frozenset({State.CANCELLED, State.SUCCEEDED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}
"""From each state, the states that a job may go to next."""

LEASED = frozenset({State.STARTING, State.RUNNING, State.PAUSING, State.CANCELLING})
"""States in which a worker holds the job by a lease."""

TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
"""States in which no process of the job lives; only a retry leaves them."""


class Verb(StrEnum):
    """What a person may ask of a job so that it moves."""

    CANCEL = "cancel"  # end it; its engine is asked to save first
    PAUSE = "pause"  # save a checkpoint and give the devices back
    RESUME = "resume"  # wait for devices again, and go on from the checkpoint
    RETRY = "retry"  # the same job once more, with a fresh budget of restarts


VERBS: dict[Verb, dict[State, State]] = {
    Verb.CANCEL: {
        State.QUEUED: State.CANCELLED,
        State.STARTING: State.CANCELLING,
        State.RUNNING: State.CANCELLING,
        State.PAUSING: State.CANCELLING,
        State.PAUSED: State.CANCELLED,
    },
    Verb.PAUSE: {State.STARTING: State.PAUSING, State.RUNNING: State.PAUSING},
    Verb.RESUME: {State.PAUSED: State.QUEUED},
    Verb.RETRY: {State.FAILED: State.QUEUED, State.CANCELLED: State.QUEUED},
}
"""Where a verb takes a job, by the state that it finds it in."""

_BACK = frozenset({State.QUEUED, State.STARTING, State.RUNNING})

GRANTED: dict[Verb, frozenset[State]] = {
    Verb.CANCEL: frozenset({State.CANCELLING, State.CANCELLED}),
    Verb.PAUSE: frozenset({State.PAUSING, State.PAUSED}),
    Verb.RESUME: _BACK,
    Verb.RETRY: _BACK,
}
"""States of a job that was asked before: asking again changes nothing."""


def verbs_of(state: State) -> tuple[Verb, ...]:
    """Return what a person may ask of a job in `state`."""
    return tuple(verb for verb in Verb if state in VERBS[verb])


def sources_of(target: State) -> frozenset[State]:
    """Return the states from which a job may go to `target`."""
    return frozenset(source for source, targets in MOVES.items() if target in targets)
