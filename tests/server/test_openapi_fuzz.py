"""The server against its own description: whatever is sent, it answers as it says, and never with an error of its own.

One server on SQLite, real requests, the same examples every time. Streams are left out: they do not end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.services.processes import free_port, stop, wait_until_up

_DESCRIPTION = Path(__file__).parents[2] / "docs/openapi.json"  # a gate keeps it the application's own
_EXAMPLES = 6

api = schemathesis.openapi.from_path(_DESCRIPTION).exclude(path_regex="/stream$")

_CHECKER = "POST /v1/specs/validate"  # says what is wrong with a status of 200: that is what it is for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and key."""
    home: Path = tmp_path_factory.mktemp("fuzzed")
    port = free_port()
    environment = {**os.environ, "STILLHOUSE_HOME": str(home), "STILLHOUSE_AUTO_MIGRATE": "true"}
    environment["STILLHOUSE_FAILURE_LIMIT"] = "100000/minute"  # that keys are asked for is tried again and again
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stillhouse", "server", "--port", str(port)],
            env=environment,
            stdout=output,
            stderr=output,
            cwd=home,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(process, log, lambda: httpx.get(f"{url}/readyz").raise_for_status(), httpx.HTTPError)
        yield url, (home / "key").read_text().strip()
    finally:
        stop(process, signal.SIGTERM)


@api.parametrize()
@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
def test_every_operation_does_what_its_description_says(case: Case[Any], server: tuple[str, str]) -> None:
    # A description cannot say all that is refused: names that a spec lacks, NUL, numbers past 64 bits.
    waived: list[Any] = [positive_data_acceptance]
    if case.operation.label == _CHECKER:
        waived.append(negative_data_rejection)
    url, secret = server
    headers = {"Authorization": f"Bearer {secret}"}
    case.call_and_validate(base_url=url, timeout=10, headers=headers, excluded_checks=waived)
