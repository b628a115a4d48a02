from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.worker.crew import end_tree, wait_for
from worker.gauge import Gauge

BUSY = "x = bytearray(60_000_000)\nwhile True: sum(range(10_000))"


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    """A process that keeps a core and 60 MB busy."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    yield process
    process.kill()
    process.wait()


def test_a_busy_process_is_seen_to_be_busy(busy: subprocess.Popen[bytes]) -> None:
    gauge = Gauge(busy.pid, "GPU-that-is-not-here", interval_s=0.5)
    assert gauge.read() == {}
    time.sleep(1.0)
    first = gauge.read()
    assert set(first) == {
        "system/cpu_cores",
        "system/memory_bytes",
        "system/read_bytes_per_s",
        "system/written_bytes_per_s",
    }
    assert 0.05 < first["system/cpu_cores"] < 1.5
    assert first["system/memory_bytes"] > 60_000_000
    assert gauge.read() == {}


def test_children_count_too() -> None:
    starts = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"
    parent = subprocess.Popen([sys.executable, "-c", starts])
    try:
        gauge = Gauge(parent.pid, "", interval_s=0.0)
        wait_for(lambda: gauge.read().get("system/memory_bytes", 0) > 60_000_000)
    finally:
        end_tree(parent)


def test_an_engine_that_has_ended_uses_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    gauge = Gauge(process.pid, "GPU-none", interval_s=0)
    assert gauge.read() == {}
