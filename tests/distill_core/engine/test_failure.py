from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from distill_core.engine.failure import classify
from distill_core.errors import CheckpointError, DataError, DivergedError, Problem, TimeLimitError, UnknownNameError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DataError("no data"), "data_missing"),
        (DivergedError("nan"), "nan_loss"),
        (CheckpointError("torn"), "checkpoint_invalid"),
        (TimeLimitError("late"), "max_runtime"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk_full"),
        (torch.OutOfMemoryError("CUDA out of memory"), "cuda_oom"),
        (MemoryError(), "host_oom"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "host_oom"),
        (OSError(errno.EACCES, "Permission denied"), "exit_code"),
        (ValueError("surprise"), "exit_code"),
    ],
)
def test_every_failure_has_its_reason(error: Exception, reason: str) -> None:
    assert classify(error).reason == reason


def test_the_problems_of_a_spec_are_told_one_by_one() -> None:
    failure = classify(
        UnknownNameError([Problem("/models/x/model", "unknown_name", "no such", "resnt8", None, ("resnet8",))])
    )
    assert failure.reason == "spec_rejected_at_start"
    assert failure.problems[0]["nearest"] == ("resnet8",)


def test_what_nobody_foresaw_is_told_with_its_type() -> None:
    failure = classify(ZeroDivisionError("division by zero"))
    assert (failure.code, failure.message) == ("unexpected_error", "ZeroDivisionError: division by zero")


def test_a_disk_that_is_full_is_seen_behind_the_error_of_torch() -> None:
    with pytest.raises((OSError, RuntimeError)) as caught, Path("/dev/full").open("wb", buffering=0) as file:
        torch.save({"weights": torch.zeros(10_000)}, file)
    failure = classify(caught.value)
    assert failure.reason == "disk_full"
    assert "No space left on device" in failure.message
