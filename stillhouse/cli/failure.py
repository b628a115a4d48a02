"""How commands fail: a sentence a person can act on, and an exit code a program can act on."""

from __future__ import annotations

import json
from collections.abc import Sequence

from distill_core.errors import Problem, SpecError, StillhouseError
from stillhouse.cli.output import note
from stillhouse.client import InvalidRequestError, ServerUnreachableError

FAILED = 1
WRONG_INPUT = 2
UNREACHABLE = 3
NOT_WHOLE = 4
"""What was asked for was made, but not all of it."""


def report_failure(error: StillhouseError) -> int:
    """Print an error and return the exit code of its kind."""
    if isinstance(error, SpecError):
        report_problems(error.problems)
        return WRONG_INPUT
    note(f"error: {error}")
    if isinstance(error, InvalidRequestError):
        report_problems(error.problems)
        return WRONG_INPUT
    return UNREACHABLE if isinstance(error, ServerUnreachableError) else FAILED


def report_problems(problems: Sequence[Problem]) -> None:
    """Print problems one by one: place, message, value, what is allowed, the nearest names."""
    if problems:
        note(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}:")
    for problem in problems:
        note(f"  {problem.pointer or '/'}: {problem.message}  [{problem.code}]")
        if problem.value is not None:
            note(f"      value    {json.dumps(problem.value, ensure_ascii=False)}")
        if problem.allowed:
            note(
                f"      allowed  {problem.allowed if isinstance(problem.allowed, str) else ', '.join(problem.allowed)}"
            )
        if problem.nearest:
            note(f"      nearest  {', '.join(problem.nearest)}")
