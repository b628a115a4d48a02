"""One process a device: starts the ranks of this host, passes on the wish to stop, and tells how they ended.

The ranks get torchrun's environment variables, so that a person may start them with torchrun instead.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from distill_core.engine.events import EventLog
from distill_core.engine.lastwords import LastWords, describe_end, find_cause, forget_words, write_words
from distill_core.errors import DistributedError
from distill_core.rank import STORE_DESCRIPTOR

__all__ = ["EXIT_FAILED", "EXIT_STOPPED", "Layout", "launch"]

EXIT_FAILED = 1
EXIT_STOPPED = 75  # EX_TEMPFAIL: run the same command again with --resume
EXITS = {"succeeded": 0, "stopped": EXIT_STOPPED, "failed": EXIT_FAILED}
GRACE_S = 10.0
"""How long ranks may take to end by themselves once one of them has failed."""
POLL_S = 0.05
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
STOPS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the ranks of a run lie on hosts.

    Attributes:
        devices: ranks a host.
        nodes: hosts.
        node_rank: number of this host, from 0.
        master: HOST:PORT of host 0, where the ranks of all hosts meet; none for a single host.
    """

    devices: int
    nodes: int = 1
    node_rank: int | None = None
    master: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be started.

        Raises:
            DistributedError: several hosts, and which one this is or where they meet is not said.
        """
        host, _, port = (self.master or "").rpartition(":")
        is_complete = self.node_rank is not None and 0 <= self.node_rank < self.nodes and host and port.isdigit()
        if self.nodes > 1 and not is_complete:
            raise DistributedError(
                f"{self.nodes} hosts need --node-rank 0 to {self.nodes - 1} and --master HOST:PORT, an address of "
                f"host 0, on each; got --node-rank {self.node_rank} and --master {self.master}"
            )

    @property
    def num_ranks(self) -> int:
        """How many ranks all hosts have together."""
        return self.devices * self.nodes

    @property
    def first_rank(self) -> int:
        """The first rank of this host."""
        return self.devices * (self.node_rank or 0)


def launch(command: Sequence[str], folder: Path, layout: Layout, stop: threading.Event) -> int:
    """Run a command once for each rank of this host, and return the exit code of them all.

    Call it from the main thread: the ranks are to die with it. SIGTERM and SIGINT are blocked in the ranks until they
    unblock them, so that none is lost while they load.

    Args:
        command: the program of a rank, with its arguments.
        folder: where rank 0 writes events.jsonl; `failed` is added to it if the ranks end without a last event.
        layout: how many ranks there are, and where.
        stop: set when the run is to stop; every rank gets SIGTERM once.

    Returns:
        0 when the run succeeded, 75 when it stopped with a checkpoint, 1 when it failed.
    """
    events = folder / "events.jsonl"
    known_bytes = events.stat().st_size if events.is_file() else 0
    host = _Host(folder, layout)
    try:
        host.start(command)
        host.watch(stop)
    finally:
        host.kill()
    if layout.first_rank > 0:
        return host.exit_code
    word = _find_last_word(events, known_bytes)
    if word is not None:
        return EXITS[word]
    if host.exit_code == EXIT_FAILED:
        with EventLog(events) as log:  # only now that no rank writes to it
            log.emit("failed", **host.find_cause().as_fields())
    return host.exit_code


class _Host:
    """The ranks of this host, as processes."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder
        self._layout = layout
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._failed: dict[int, LastWords] = {}

    @property
    def exit_code(self) -> int:
        """The exit code that the ranks agree on; failed if one of them did."""
        codes = {process.returncode for process in self._processes.values()}
        return max(codes) if codes <= {0, EXIT_STOPPED} else EXIT_FAILED

    def start(self, command: Sequence[str]) -> None:
        """Start all ranks."""
        waiting = None if self._layout.nodes > 1 else socket.create_server(("127.0.0.1", 0))
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            for local_rank in range(self._layout.devices):
                self._start_one(command, local_rank, waiting)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            if waiting is not None:
                waiting.close()  # rank 0 has it: when that dies, nobody may answer in its place

    def watch(self, stop: threading.Event) -> None:
        """Return when all ranks have ended, or the last of them had its grace after one failed."""
        is_told = False
        deadline = None
        while self._find_living():
            if stop.is_set() and not is_told:
                self._signal(signal.SIGTERM)
                is_told = True
            self._note_failures()
            if self._failed and deadline is None:
                deadline = time.monotonic() + GRACE_S
            if deadline is not None and time.monotonic() > deadline:
                logger.error("ranks outlive the failure of another one by %g s and are killed", GRACE_S)
                return
            time.sleep(POLL_S)
        self._note_failures()

    def kill(self) -> None:
        """Leave no rank behind."""
        self._signal(signal.SIGKILL)
        for process in self._processes.values():
            process.wait()

    def find_cause(self) -> LastWords:
        """Return why the run failed: a rank's own words, else what its end says."""
        cause = find_cause(self._folder)
        return min(self._failed.values(), key=lambda words: words.time) if cause is None else cause

    def _start_one(self, command: Sequence[str], local_rank: int, waiting: socket.socket | None) -> None:
        rank = self._layout.first_rank + local_rank
        forget_words(self._folder, rank)
        environment = _make_environment(self._layout, local_rank) | _describe_meeting(self._layout, waiting)
        if rank > 0:
            environment.pop(STORE_DESCRIPTOR, None)
        self._processes[rank] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            env=environment,
            pass_fds=[waiting.fileno()] if waiting is not None and rank == 0 else [],
            process_group=0,  # Ctrl-C in a terminal reaches the launcher alone, which passes it on once
        )

    def _note_failures(self) -> None:
        """Leave word for the ranks that ended without doing so: rank 0 may be waiting for it."""
        for rank, process in self._processes.items():
            code = process.returncode
            if code in (None, 0, EXIT_STOPPED) or rank in self._failed:
                continue
            logger.error("rank %d ended with code %d", rank, code)
            self._failed[rank] = describe_end(rank, code)
            if not (self._folder / "ranks" / f"{rank}.json").exists():
                write_words(self._folder, self._failed[rank])

    def _signal(self, number: signal.Signals) -> None:
        for process in self._find_living():
            with suppress(ProcessLookupError):
                process.send_signal(number)

    def _find_living(self) -> list[subprocess.Popen[bytes]]:
        """Look after every rank, and return those that still run."""
        return [process for process in self._processes.values() if process.poll() is None]


def _make_environment(layout: Layout, local_rank: int) -> dict[str, str]:
    """Return what torchrun tells a rank; threads are shared out, since those of several ranks would fight for cores."""
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = {"OMP_NUM_THREADS": str(max(1, num_cores // layout.devices))}
    place = {
        "RANK": layout.first_rank + local_rank,
        "WORLD_SIZE": layout.num_ranks,
        "LOCAL_RANK": local_rank,
        "LOCAL_WORLD_SIZE": layout.devices,
        "GROUP_RANK": layout.node_rank or 0,
    }
    return threads | os.environ | {name: str(value) for name, value in place.items()}


def _describe_meeting(layout: Layout, waiting: socket.socket | None) -> dict[str, str]:
    """Return where ranks find one another: on a single host at a socket that no other host or program can have."""
    if waiting is None:
        host, _, port = (layout.master or "").rpartition(":")
        return {"MASTER_ADDR": host.strip("[]"), "MASTER_PORT": port}
    interface = os.environ.get("GLOO_SOCKET_IFNAME", LOOPBACK)
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(waiting.getsockname()[1])}
    return meeting | {STORE_DESCRIPTOR: str(waiting.fileno()), "GLOO_SOCKET_IFNAME": interface}


def _find_last_word(events: Path, known_bytes: int) -> str | None:
    """Return the type of the event that says how the run ended, None if rank 0 did not get to write it."""
    if not events.is_file():
        return None
    with events.open("rb") as file:
        file.seek(known_bytes)
        kinds = [json.loads(line)["type"] for line in file if line.endswith(b"\n")]
    return kinds[-1] if kinds and kinds[-1] in EXITS else None
