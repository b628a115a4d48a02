"""One engine process: its command, its environment, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from server.settings import Settings
from worker.meeting import Meeting
from worker.processes import Mark

PYTHON = (sys.executable, "-P")
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
_PREFIXES = ("OMP_", "GLOO_", "NCCL_")


@dataclass(frozen=True, slots=True)
class EngineCommand:
    """The programs that run a spec and export a student; the arguments of an attempt are added to them."""

    program: tuple[str, ...] = (*PYTHON, "-m", "distill_core", "run")
    exporter: tuple[str, ...] = (*PYTHON, "-m", "distill_core", "export")


@dataclass(frozen=True, slots=True)
class Order:
    """What an engine is told: where its files are and which devices are its own.

    Attributes:
        folder: the attempt's folder.
        mark: the marks of every process of the attempt.
        visible: value of CUDA_VISIBLE_DEVICES.
        resume: checkpoint to go on from.
        meeting: where its ranks meet those of other hosts, if there are any.
        student: the student that is to be exported, where that is all that is to be done.
    """

    folder: Path
    mark: Mark
    visible: str
    resume: Path | None = None
    meeting: Meeting | None = None
    student: Path | None = None

    @property
    def spec(self) -> Path:
        """The resolved spec."""
        return self.folder / "spec.json"

    @property
    def inputs(self) -> Path:
        """The artifacts, and students of jobs, that the spec's models name."""
        return self.folder / "inputs.json"

    @property
    def events(self) -> Path:
        """What the engine tells programs."""
        return self.folder / "events.jsonl"

    @property
    def log(self) -> Path:
        """What the engine tells people."""
        return self.folder / "log.txt"


class EngineProcess:
    """A running engine, in a session of its own; dies with the thread that started it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    def start(cls, command: EngineCommand, order: Order, settings: Settings) -> Self:
        """Start the engine; call it from a main thread, since PR_SET_PDEATHSIG follows the thread."""
        with order.log.open("ab") as output:
            process = subprocess.Popen(
                _command_line(command, order, settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=order.folder,
                env=engine_environment(os.environ, order),
                start_new_session=True,
            )
        return cls(process)

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code (negative: the signal that killed it), None while it still runs."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def ask_to_stop(self) -> None:
        """SIGTERM: the engine saves a checkpoint and leaves."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)


def engine_environment(base: Mapping[str, str], order: Order) -> dict[str, str]:
    """Return the environment of an engine: an allow-list, so that no credential reaches it."""
    kept = {name: value for name, value in base.items() if name in INHERITED or name.startswith(_PREFIXES)}
    # Threads that spin while they wait rob the other engines of this host.
    calm = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
    network = {}
    if order.meeting is not None and order.meeting.interface is not None:
        network = dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), order.meeting.interface)
    return calm | network | kept | {"CUDA_VISIBLE_DEVICES": order.visible} | order.mark.as_environment()


def _command_line(command: EngineCommand, order: Order, settings: Settings) -> list[str]:
    if order.student is None:
        return [*command.program, *_arguments(order, settings)]
    files = [str(order.spec), "--folder", str(order.folder), "--student", str(order.student)]
    files += ["--inputs", str(order.inputs)]
    places = ["--data-root", str(settings.data_folder), "--parent-pid", str(os.getpid())]
    return [*command.exporter, *files, *places]


def _arguments(order: Order, settings: Settings) -> list[str]:
    arguments = [str(order.spec), "--folder", str(order.folder), "--inputs", str(order.inputs)]
    if order.resume is not None:
        arguments += ["--resume", str(order.resume)]
    arguments += ["--data-root", str(settings.data_folder)]
    if settings.weights_root is not None:
        arguments += ["--weights-root", str(settings.weights_root.expanduser().resolve())]
    arguments += ["--cache-root", str(settings.cache_folder), "--cache-max-bytes", str(settings.cache_max_bytes)]
    arguments += ["--run-id", order.mark.job_id]
    if order.meeting is not None:
        arguments += ["--node-rank", str(order.meeting.node), "--master", order.meeting.address]
    return [*arguments, "--parent-pid", str(os.getpid())]
