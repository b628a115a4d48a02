from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from server import stream
from server.feeds import MetricFeed
from server.jobs.lease import Claim
from server.jobs.logs import append_node_log
from server.jobs.tables import Member
from server.stream import Streams
from tests.server.house import House, open_house


@dataclass(frozen=True, slots=True)
class Frame:
    name: str
    id: str | None
    data: Any


@contextmanager
def follow(house: House, path: str, last_id: str | None = None) -> Iterator[Iterator[Frame]]:
    """Open a stream and yield its messages; comments and pauses are left out."""
    headers = {} if last_id is None else {"last-event-id": last_id}
    with house.client.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        yield _frames(answer.iter_lines())


def _frames(lines: Iterator[str]) -> Iterator[Frame]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if "data" in fields:
            yield Frame(fields["event"], fields.get("id"), json.loads(fields["data"]))
        fields = {}


@pytest.fixture
def claim(served_house: House) -> Claim:
    claim = served_house.start_job()
    served_house.start_run(claim)
    return claim


def test_events_are_replayed_then_followed_to_the_end(served_house: House, claim: Claim) -> None:
    with follow(served_house, f"/v1/jobs/{claim.job_id}/events/stream") as frames:
        replayed = list(islice(frames, 3))
        served_house.succeed(claim, served_house.store(b"x"))
        rest = list(frames)
    assert [frame.name for frame in replayed] == ["submitted", "starting", "running"]
    assert [frame.name for frame in rest] == ["artifact", "succeeded", "end"]
    assert rest[-1].data == {"state": "succeeded"}
    listed = served_house.client.get(f"/v1/jobs/{claim.job_id}/events?limit=50").json()["data"]
    assert [frame.data for frame in [*replayed, *rest[:-1]]] == listed
    assert [frame.id for frame in [*replayed, *rest[:-1]]] == [str(entry["id"]) for entry in listed]


def test_a_stream_of_a_finished_job_ends_at_once(served_house: House, claim: Claim) -> None:
    served_house.measure(claim, {1: {"a": 1.0}})
    served_house.write_log(claim, 0, b"hello")
    served_house.succeed(claim, log=b"hello")
    for kind, count in (("events", 5), ("metrics", 1), ("logs", 1)):
        with follow(served_house, f"/v1/jobs/{claim.job_id}/{kind}/stream") as frames:
            names = [frame.name for frame in frames]
        assert (len(names), names[-1]) == (count + 1, "end")


def test_a_stream_goes_on_behind_the_last_message_or_the_number_asked_for(served_house: House, claim: Claim) -> None:
    served_house.measure(claim, {step: {"a": float(step)} for step in range(1, 11)})
    served_house.succeed(claim)
    path = f"/v1/jobs/{claim.job_id}/metrics/stream"
    for address, last_id in ((path, "7"), (f"{path}?after=7", None), (f"{path}?after=2", "7")):
        with follow(served_house, address, last_id) as frames:
            assert [frame.id for frame in frames] == ["8", "9", "10", None]
    with follow(served_house, f"{path}?after=999999") as frames:
        assert [frame.name for frame in frames] == ["end"]


def test_metrics_are_told_line_by_line_as_they_were_measured(served_house: House, claim: Claim) -> None:
    served_house.measure(claim, {1: {"a": 1.0, "b": "NaN"}})
    with follow(served_house, f"/v1/jobs/{claim.job_id}/metrics/stream") as frames:
        first = next(frames)
        served_house.measure(claim, {2: {"a": 2.0}})
        second = next(frames)
    assert (first.name, first.id) == ("metrics", "1")
    assert first.data == {
        "cursor": 1,
        "step": 1,
        "epoch": 1.0,
        "time": "2026-01-01T00:00:01.000Z",
        "values": {"a": 1.0, "b": "NaN"},
    }
    assert (second.id, second.data["values"]) == ("2", {"a": 2.0})


def test_a_stream_that_is_cut_again_and_again_loses_and_repeats_nothing(served_house: House, claim: Claim) -> None:
    text = "".join(f"Zeile {number}: süß ☃ {'.' * (number % 90)}\n" for number in range(6000)).encode()
    draw = random.Random(3)  # noqa: S311  a test repeats its own choices

    def write() -> None:
        place, step = 0, 0
        while place < len(text):
            size = draw.choice([1, 2, 3, 500, 20_000, 60_000])
            served_house.write_log(claim, place, text[place : place + size])
            place += size
            step += 1
            served_house.measure(claim, {step: {"a": float(step)}})
            time.sleep(0.02)
        served_house.succeed(claim)

    def read(path: str) -> list[Frame]:
        seen: list[Frame] = []
        cuts = random.Random(4)  # noqa: S311  the same
        while True:
            with follow(served_house, path, seen[-1].id if seen else None) as frames:
                for frame in islice(frames, cuts.randint(1, 4)):
                    if frame.name == "end":
                        return seen
                    seen.append(frame)

    with ThreadPoolExecutor(3) as pool:
        logs = pool.submit(read, f"/v1/jobs/{claim.job_id}/logs/stream?attempt=1")
        metrics = pool.submit(read, f"/v1/jobs/{claim.job_id}/metrics/stream")
        pool.submit(write).result()
    assert "".join(frame.data["text"] for frame in logs.result()).encode() == text
    assert [frame.data["cursor"] for frame in metrics.result()] == list(range(1, len(metrics.result()) + 1))
    assert len(metrics.result()) == served_house.ground.job(claim.job_id).metric_cursor


def test_a_log_is_followed_from_one_attempt_to_the_next(served_house: House, claim: Claim) -> None:
    served_house.write_log(claim, 0, "one ☃"[:5].encode()[:5])
    with follow(served_house, f"/v1/jobs/{claim.job_id}/logs/stream") as frames:
        first = next(frames)
        assert (first.id, first.data) == ("1:4", {"attempt": 1, "offset": 0, "text": "one "})
        served_house.write_log(claim, 5, "one ☃".encode()[5:])
        assert next(frames).data == {"attempt": 1, "offset": 4, "text": "☃"}
        served_house.requeue(claim)
        later = served_house.restart_job(claim.job_id)
        served_house.start_run(later)
        served_house.write_log(later, 0, b"two")
        assert next(frames).data == {"attempt": 2, "offset": 0, "text": "two"}
        served_house.succeed(later)
        assert next(frames).name == "end"


def test_hints_tell_which_job_has_something_new(served_house: House, claim: Claim) -> None:
    with follow(served_house, "/v1/stream") as frames:
        served_house.measure(claim, {1: {"a": 1.0}})
        assert next(frames).data == {"job_id": claim.job_id, "kind": "metrics", "cursor": 1}
        served_house.write_log(claim, 0, b"hello")
        assert next(frames).data == {"job_id": claim.job_id, "kind": "log", "cursor": "1:5"}
        job_id = served_house.ground.submit()
        hint = next(frames)
        assert (hint.name, hint.data["job_id"], hint.data["kind"]) == ("hint", job_id, "event")


def test_the_last_metrics_of_a_job_are_hinted_although_it_is_over(served_house: House, claim: Claim) -> None:
    with follow(served_house, "/v1/stream") as frames:
        served_house.measure(claim, {1: {"a": 1.0}})
        served_house.succeed(claim)
        kinds = {next(frames).data["kind"], next(frames).data["kind"]}
    assert kinds == {"event", "metrics"}


def test_open_streams_keep_no_request_waiting(served_house: House, claim: Claim) -> None:
    with ExitStack() as open_streams:
        for _ in range(60):
            frames = open_streams.enter_context(follow(served_house, f"/v1/jobs/{claim.job_id}/events/stream"))
            next(frames)
        start = time.perf_counter()
        for _ in range(5):
            assert served_house.client.get("/v1/jobs").status_code == 200
        assert time.perf_counter() - start < 2.0


def test_many_streams_of_one_job_are_read_once(served_house: House, claim: Claim) -> None:
    statements: list[str] = []
    engine = served_house.service.database.engine
    with ExitStack() as open_streams:
        path = f"/v1/jobs/{claim.job_id}/metrics/stream"
        all_frames = [open_streams.enter_context(follow(served_house, path)) for _ in range(20)]
        time.sleep(1.0)
        event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        served_house.measure(claim, {1: {"a": 1.0}})
        assert {next(frames).id for frames in all_frames} == {"1"}
    reads = [statement for statement in statements if "FROM metrics JOIN" in " ".join(statement.split())]
    assert 1 <= len(reads) <= 3


def test_a_quiet_stream_is_pinged(local_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_S", 0.05)

    async def read() -> bytes:
        streams = Streams(local_house.service.database)
        hints = streams.hints()
        return b"".join([await anext(hints) for _ in range(3)])

    assert asyncio.run(read()) == b"retry: 1000\n\n: ping\n\n: ping\n\n"


def test_a_reader_that_is_too_slow_is_dropped_and_misses_nothing_when_it_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "TICK_S", 0.01)
    monkeypatch.setattr(stream, "_QUEUE_CHUNKS", 2)
    with open_house({"STILLHOUSE_HOME": str(tmp_path)}) as house:
        claim = house.start_job()
        house.start_run(claim)

        async def read() -> tuple[bytes, bytes]:
            streams = Streams(house.service.database)
            async with streams.running():
                slow = streams.follow(MetricFeed(claim.job_id), (0, 0))
                await anext(slow)
                waiting = asyncio.ensure_future(anext(slow))
                await asyncio.sleep(0.2)
                await asyncio.to_thread(house.measure, claim, {1: {"a": 1.0}})
                first = await waiting
                for step in range(2, 30):
                    await asyncio.to_thread(house.measure, claim, {step: {"a": 1.0}})
                    await asyncio.sleep(0.03)
                left = first + b"".join([chunk async for chunk in slow])
                await asyncio.to_thread(house.succeed, claim)
                last = left.count(b"event: metrics")
                again = b"".join([chunk async for chunk in streams.follow(MetricFeed(claim.job_id), (0, last))])
                return left, again

        left, again = asyncio.run(read())
    assert b"event: end" not in left
    assert left.count(b"event: metrics") < 29
    assert left.count(b"event: metrics") + again.count(b"event: metrics") == 29
    assert b"event: end" in again


def test_the_log_of_a_further_host_is_streamed_while_it_grows(served_house: House) -> None:
    house = served_house
    for _ in range(2):
        house.ground.announce()
    job_id = house.ground.submit(num_nodes=2)
    house.ground.assign()
    with house.service.database.read() as session:
        workers = session.scalars(select(Member.worker_id).order_by(Member.node)).all()
    _, member = (house.ground.claim(worker_id, job_id) for worker_id in workers)
    with follow(house, f"/v1/jobs/{job_id}/logs/stream?node=1") as frames:
        for number in range(3):
            with house.service.database.write() as session:
                append_node_log(session, member, 2 * number, f"{number}\n".encode(), max_bytes=2**20)
            assert next(frames).data == {"attempt": 1, "offset": 2 * number, "text": f"{number}\n"}
