"""Worker processes: a DataLoader that draws from no global generator and says what became of its workers."""

from __future__ import annotations

import ctypes
import functools
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from distill_core.dataset import Source
from distill_core.errors import DataError
from distill_core.stream.loader import Views
from distill_core.stream.reader import NOTHING, Reader, Request, Requests, unpack
from distill_core.tensors import Inputs

__all__ = ["Crew"]

PR_SET_PDEATHSIG = 1
PREFETCHED = 2
"""Batches that a worker makes ahead."""
REAPED_S = 1.0
"""Seconds after which a process that broke its connection is known to be dead."""


class Crew:
    """Worker processes that read one source; they are forked when they are first asked.

    The kernel kills them when the thread that forked them ends.

    Args:
        source: the whole split.
        index: place of each row in the split [n], on the CPU.
        views: the views of the stream.
        num_workers: processes.
        is_pinned: whether batches are put into pinned memory, for copies to a GPU.
    """

    def __init__(self, source: Source, index: Tensor, views: Views, num_workers: int, *, is_pinned: bool) -> None:
        self._source = source
        self._requests = Requests()
        self._at_work = torch.full((num_workers, 2), NOTHING).share_memory_()
        self._processes: list[BaseProcess] = []
        self._answers: Iterator[Any] = iter(())
        with _no_warnings():
            self._loader: DataLoader[Any] | None = DataLoader(
                Reader(source, index, views, self._at_work),
                batch_sampler=self._requests,
                collate_fn=_as_it_is,
                num_workers=num_workers,
                pin_memory=is_pinned,
                worker_init_fn=functools.partial(_enter_worker, os.getpid()),
                multiprocessing_context="fork" if sys.platform == "linux" else None,
                generator=torch.Generator().manual_seed(0),  # else the global one moves, and a resumed run differs
                prefetch_factor=PREFETCHED,
                persistent_workers=True,
            )

    @property
    def is_open(self) -> bool:
        """Whether it can still be asked."""
        return self._loader is not None

    def answer(self, requests: Sequence[Request]) -> Iterator[dict[str, Inputs]]:
        """Yield the answers to requests, in order; requests of an iterator that was left early are forgotten.

        Raises:
            DataError: a sample cannot be read, or a worker died of it.
        """
        self._begin(requests)
        while True:
            try:
                answer = next(self._answers)
            except StopIteration:
                return
            except (RuntimeError, OSError, EOFError) as error:  # the last two: the connection to a worker broke
                raise self._explain(error) from error
            if isinstance(answer, DataError):
                raise answer
            yield unpack(answer)

    def close(self) -> None:
        """Let the workers go."""
        self._answers, self._loader = iter(()), None
        for process in self._processes:
            process.terminate()
            process.join()

    def _begin(self, requests: Sequence[Request]) -> None:
        if self._loader is None:
            raise ValueError("the workers were let go")
        self._requests.wanted = requests
        before = set(multiprocessing.active_children())
        with _no_warnings(), _same_sigchld():
            self._answers = iter(self._loader)
        self._processes += [child for child in multiprocessing.active_children() if child not in before]

    def _explain(self, error: Exception) -> Exception:
        """Return what to raise for an error of the DataLoader: what a dead worker was reading, if one is dead."""
        ended = wait([process.sentinel for process in self._processes], timeout=REAPED_S)
        dead = [process for process in self._processes if process.sentinel in ended]
        if not dead:
            return error
        process = dead[0]
        process.join()  # its files are closed, so it is ending; only then is the exit code known
        places = {pid: place for pid, place in self._at_work.tolist() if place != NOTHING}
        place = places.get(process.pid)
        doing = "between two samples" if place is None else f"at {self._source.describe(place)}"
        hint = ""
        if process.exitcode == -signal.SIGBUS:
            hint = "; /dev/shm is probably full: enlarge it (docker run --shm-size) or take fewer loader workers"
        elif process.exitcode == -signal.SIGKILL:
            hint = "; the system kills processes when memory runs out: take fewer loader workers"
        return DataError(f"a loader worker died {doing}, exit code {process.exitcode}{hint}")


def _as_it_is(answer: Any) -> Any:
    return answer


def _enter_worker(parent: int, _: int) -> None:
    """Die with the engine, and leave Ctrl-C to it: it still needs a batch to end its step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence what torch and Python say of more workers than cores, and of forks beside threads.

    Forking is safe here: workers use one thread and never touch the GPU.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        warnings.filterwarnings("ignore", message="This process .* is multi-threaded", category=DeprecationWarning)
        yield


@contextmanager
def _same_sigchld() -> Iterator[None]:
    """Take torch's SIGCHLD handler away again: it raises wherever the program is, we ask where a batch is awaited."""
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGCHLD) if is_main else None
    yield
    if before is not None:
        signal.signal(signal.SIGCHLD, before)
