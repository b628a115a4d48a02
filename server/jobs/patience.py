"""Waiting at a start for a database that does not answer yet: it may be starting too, or come back in a moment."""

from __future__ import annotations

from typing import NoReturn

import structlog
from tenacity import RetryCallState, retry, retry_if_exception_type, stop_after_delay, wait_exponential

from distill_core.errors import StillhouseError
from server.jobs.database import OUTAGES

_PATIENCE_S = 60.0

_log = structlog.get_logger()


class DatabaseUnreachableError(StillhouseError):
    """The database has not answered for long enough."""

    code = "database_unreachable"


def _tell(state: RetryCallState) -> None:
    _log.warning("the database does not answer: trying again", error=_first_line(state))


def _give_up(state: RetryCallState) -> NoReturn:
    raise DatabaseUnreachableError(
        f"the database has not answered for {_PATIENCE_S:g} s: {_first_line(state)}; "
        "start it, or let STILLHOUSE_DATABASE_URL name the right one"
    )


def _first_line(state: RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    return str(error).strip().partition("\n")[0]


patiently = retry(
    retry=retry_if_exception_type(OUTAGES),
    stop=stop_after_delay(_PATIENCE_S),
    wait=wait_exponential(multiplier=0.2, max=5),
    before_sleep=_tell,
    retry_error_callback=_give_up,
)
"""Makes a function go on trying while the database does not answer.

Raises:
    DatabaseUnreachableError: it has not answered for a minute; says what to do.
"""
