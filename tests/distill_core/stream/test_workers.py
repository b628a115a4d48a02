from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor

from distill_core.draw import draw_order
from distill_core.errors import DataError
from distill_core.stream import Stream
from tests.distill_core.stream.folders import NORMALIZE, RANDOM, image_of, make_folder, open_folder

ROOT = Path(__file__).parents[3]


def order(stream: Stream, batch_size: int = 5) -> tuple[Tensor, ...]:
    return torch.split(draw_order(11, len(stream), stream.device), batch_size)


def pixels(stream: Stream, epoch: int, start: int = 0) -> list[Tensor]:
    return [image_of(batch) for batch in stream.batches(order(stream), epoch, ("main",), start)]


def workers(strangers: set[psutil.Process]) -> set[psutil.Process]:
    """Return the children of this process that came after the test began."""
    return set(psutil.Process().children()) - strangers


@pytest.fixture
def strangers() -> set[psutil.Process]:
    return set(psutil.Process().children())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


def test_pixels_are_the_same_on_the_device_in_this_process_and_through_workers(folder: Path) -> None:
    streams = [
        open_folder(folder, placement="device"),
        open_folder(folder, placement="workers", loader_workers=0),
        open_folder(folder, placement="workers", loader_workers=2),
    ]
    assert [stream.placement for stream in streams] == ["device", "workers", "workers"]
    for epoch in (0, 1, 7):
        batches = [list(stream.batches(order(stream), epoch, ("main",))) for stream in streams]
        for here, alone, sent in zip(*batches, strict=True):
            assert image_of(here).equal(image_of(alone))
            assert image_of(here).equal(image_of(sent))
            assert here.labels.equal(sent.labels)
            assert here.index.equal(sent.index)
    assert len({stream.fingerprint for stream in streams}) == 1
    streams[2].close()


def test_workers_stay_and_see_the_epoch_and_variants_come_again(folder: Path, strangers: set[psutil.Process]) -> None:
    stream = open_folder(folder, variants=2, placement="workers", loader_workers=1)
    first = pixels(stream, 0)
    crew = workers(strangers)
    second, third = pixels(stream, 1), pixels(stream, 2)
    assert len(crew) == 1
    assert workers(strangers) == crew
    assert not first[0].equal(second[0])
    assert all(now.equal(then) for now, then in zip(first, third, strict=True))
    stream.close()
    assert workers(strangers) == set()


def test_an_epoch_is_taken_up_at_any_batch_by_workers_too(folder: Path) -> None:
    stream = open_folder(folder, placement="workers", loader_workers=2)
    whole = pixels(stream, 3)
    for start in range(len(whole) + 1):
        resumed = pixels(stream, 3, start)
        assert len(resumed) == len(whole) - start
        assert all(now.equal(then) for now, then in zip(resumed, whole[start:], strict=True))
    stream.close()


def test_an_epoch_left_early_does_not_leak_into_the_next(folder: Path) -> None:
    stream = open_folder(folder, placement="workers", loader_workers=2)
    whole = pixels(stream, 1)
    for _ in range(3):
        next(stream.batches(order(stream), 0, ("main",)))
        assert all(now.equal(then) for now, then in zip(pixels(stream, 1), whole, strict=True))
    stream.close()


def test_a_stream_may_be_read_twice_at_once(folder: Path) -> None:
    stream = open_folder(folder, placement="workers", loader_workers=1)
    pairs = zip(stream.batches(order(stream), 0, ("main",)), stream.in_order(5), strict=True)
    both = [(image_of(shuffled), ordered.index) for shuffled, ordered in pairs]
    assert all(images.equal(again) for (images, _), again in zip(both, pixels(stream, 0), strict=True))
    assert torch.cat([index for _, index in both]).equal(torch.arange(24))
    stream.close()


def test_nothing_is_drawn_from_the_global_generators(folder: Path) -> None:
    before = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].tolist(), random.getstate()  # noqa: NPY002
    stream = open_folder(folder, placement="workers", loader_workers=2)
    pixels(stream, 0)
    stream.close()
    after = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].tolist(), random.getstate()  # noqa: NPY002
    assert before[0].equal(after[0])
    assert before[1:] == after[1:]


def test_several_views_of_a_sample_come_in_one_batch(folder: Path) -> None:
    views = {"weak": {"transforms": [NORMALIZE]}, "strong": {"transforms": RANDOM, "seed": 3}}
    here = open_folder(folder, views=views, placement="device")
    sent = open_folder(folder, views=views, placement="workers", loader_workers=1)
    for batch in sent.batches(order(sent), 0, ("strong", "weak")):
        rows = torch.searchsorted(here.index, batch.index)
        for name in ("strong", "weak"):
            assert image_of(here.batch(rows, 0, (name,)), name).equal(image_of(batch, name))
    assert all(batch.inputs == {} for batch in sent.batches(order(sent), 0, ()))
    sent.close()


@pytest.mark.parametrize("number", [0, 2])
def test_a_file_that_cannot_be_decoded_is_named_with_its_place(
    folder: Path, number: int, strangers: set[psutil.Process]
) -> None:
    stream = open_folder(folder, placement="workers", loader_workers=number)
    path = folder / "photos/train/class1/3.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=rf"sample 11: {path} cannot be decoded"):
        pixels(stream, 0)
    assert workers(strangers) == set()


def test_a_worker_that_dies_is_told_with_the_sample_it_was_at(tmp_path: Path, strangers: set[psutil.Process]) -> None:
    folder = make_folder(tmp_path, each=4)
    stream = open_folder(folder, placement="workers", loader_workers=1)
    path = folder / "photos/train/class1/2.png"
    path.unlink()
    os.mkfifo(path)  # whoever opens it waits for a writer
    batches = stream.batches(torch.arange(len(stream)).split(3), 0, ("main",))
    next(batches)
    [worker] = workers(strangers)
    writer = open_for_writing(path)
    worker.kill()
    with pytest.raises(DataError, match=rf"worker died at sample 6, {path}, exit code -9; .*memory runs out"):
        list(batches)
    os.close(writer)
    assert workers(strangers) == set()


def open_for_writing(path: Path) -> int:
    """Open a pipe as soon as somebody reads it."""
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # ENXIO: nobody reads yet
            time.sleep(0.01)


SCRIPT = """
import signal, sys, time, torch
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
from tests.distill_core.stream.folders import open_folder
stream = open_folder(Path(sys.argv[1]), placement="workers", loader_workers=2)
batches = stream.batches(torch.arange(len(stream)).split(2), 0, ("main",))
next(batches)
print("ready", flush=True)
for _ in batches:
    time.sleep(1)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_end_with_the_process_that_started_them(folder: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", SCRIPT, str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    crew = psutil.Process(process.pid).children()
    assert len(crew) == 2
    if number is signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does it
    else:
        process.send_signal(number)
    assert process.wait(30) != 0
    process.stdout.close()
    assert psutil.wait_procs(crew, timeout=30)[1] == []
