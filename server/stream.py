"""Server-sent events: one poller a process reads what is new, and each stream gets it as one encoded chunk.

A stream first replays what lies behind the reader's position, page by page as the reader takes it, then follows its
channel. Who reads too slowly is dropped, comes back with Last-Event-ID and replays.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog
from anyio import CapacityLimiter, to_thread
from sqlalchemy.orm import Session
from starlette.responses import StreamingResponse
from starlette.types import Message as Frame
from starlette.types import Send

from server.feeds import Delta, Feed, Mark, Message, Position, read_marks, read_moves, read_newest_event, read_projects
from server.jobs.database import Database
from server.jobs.errors import UnknownJobError
from server.jobs.states import LEASED, State

TICK_S = 0.25
PING_S = 15.0
SEND_LIMIT_S = 30.0
_QUEUE_CHUNKS = 64
_HELLO = b"retry: 1000\n\n"
_PING = b": ping\n\n"

Answer = TypeVar("Answer")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Encoded messages that lead from one position to another; with a state, the last ones."""

    start: Position
    end: Position
    data: bytes
    final_state: State | None = None


class Subscriber:
    """One reader's queue; it never grows beyond its bound."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Chunk | None] = asyncio.Queue(_QUEUE_CHUNKS)

    def offer(self, chunk: Chunk) -> bool:
        """Queue a chunk; False when the reader is too slow."""
        try:
            self._queue.put_nowait(chunk)
        except asyncio.QueueFull:
            return False
        return True

    def close(self) -> None:
        """End the reader's stream at once."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def chunks(self) -> AsyncIterator[Chunk | None]:
        """Yield chunks as they come, None whenever a ping is due, and end when closed."""
        while True:
            try:
                async with asyncio.timeout(PING_S):  # wait_for would make a task for each chunk
                    chunk = await self._queue.get()
            except TimeoutError:
                yield None
                continue
            if chunk is None:
                return
            yield chunk


@dataclass(eq=False, slots=True)
class Channel:
    """A feed that somebody listens to, and how far it was read."""

    feed: Feed
    position: Position
    is_stale: bool = True
    subscribers: set[Subscriber] = field(default_factory=set)

    def may_tell(self, changed: set[str]) -> bool:
        """Return whether the feed may have something new, given which jobs have."""
        return self.is_stale or self.feed.is_restless or self.feed.job_id in changed

    def send(self, chunk: Chunk) -> None:
        """Hand a chunk to every reader; drop those that are too slow."""
        self.position = chunk.end
        self.subscribers -= _broadcast(self.subscribers, chunk)


class Streams:
    """All streams of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._channels: dict[Feed, Channel] = {}
        self._hearers: dict[Subscriber, str | None] = {}  # with the one project that it may hear of
        self._marks: dict[str, Mark] = {}
        self._event = 0
        self._work = asyncio.Event()
        self._polling, self._replaying = CapacityLimiter(1), CapacityLimiter(8)
        self.is_closed = False

    @property
    def num_open(self) -> int:
        """How many streams somebody reads."""
        return len(self._all_subscribers())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Poll as long as the context lasts; at its end every stream ends."""
        poller = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            self.close()
            poller.cancel()
            await asyncio.gather(poller, return_exceptions=True)

    def close(self) -> None:
        """End every stream at once; their readers come back to the next server."""
        self.is_closed = True
        for subscriber in self._all_subscribers():
            subscriber.close()

    async def follow(self, feed: Feed, after: Position) -> AsyncIterator[bytes]:
        """Yield a job's stream from a position on, and `end` when the job is over."""
        reader = _Reader(self, feed, after)
        yield _HELLO
        async for data in reader.catch_up():
            yield data
        if reader.is_ended or self.is_closed:
            return
        subscriber = Subscriber()
        channel = self._channels.setdefault(feed, Channel(feed, reader.position))
        channel.subscribers.add(subscriber)
        self._work.set()
        try:
            if channel.position != reader.position:
                async for data in reader.catch_up():
                    yield data
            async for data in reader.listen(subscriber):
                yield data
        finally:
            channel.subscribers.discard(subscriber)

    async def prepare_hints(self) -> None:
        """Note where everything stands, so that hints tell what happens from now on."""
        if not self._hearers:
            self._event, self._marks = await self.read(self._read_start, self._replaying)

    async def hints(self, project: str | None = None) -> AsyncIterator[bytes]:
        """Yield which job, of one project where it is named, has something new; pages then ask for it."""
        subscriber = Subscriber()
        self._hearers[subscriber] = project
        self._work.set()
        try:
            yield _HELLO
            async for chunk in subscriber.chunks():
                yield _PING if chunk is None else chunk.data
        finally:
            self._hearers.pop(subscriber, None)

    async def read(self, query: Callable[[Session], Answer], limiter: CapacityLimiter | None = None) -> Answer:
        """Run a query in a thread."""

        def run() -> Answer:
            with self._database.read() as session:
                return query(session)

        return await to_thread.run_sync(run, limiter=limiter or self._replaying)

    async def _poll(self) -> None:
        while True:
            await self._work.wait()
            try:
                await self._tick()
            except Exception:  # noqa: BLE001  the poller outlives every failed look
                _log.exception("the streams could not be read; trying again")
                await asyncio.sleep(1.0)
            await asyncio.sleep(TICK_S)

    async def _tick(self) -> None:
        self._channels = {feed: channel for feed, channel in self._channels.items() if channel.subscribers}
        if not self._channels and not self._hearers:
            self._work.clear()
            return
        watched = {feed.job_id for feed in self._channels} | self._marks.keys()
        moves, marks = await self.read(partial(self._read_news, watched=watched), self._polling)
        changed = {job_id for job_id, mark in marks.items() if mark != self._marks.get(job_id)} | moves.keys()
        await self._tell_hints(moves, marks)
        self._event = max([self._event, *moves.values()])
        heard = {feed.job_id for feed in self._channels}
        self._marks = {job_id: mark for job_id, mark in marks.items() if mark.state in LEASED or job_id in heard}
        await self._advance_channels(changed)

    async def _advance_channels(self, changed: set[str]) -> None:
        for channel in [each for each in self._channels.values() if each.may_tell(changed)]:
            try:
                delta = await self.read(partial(channel.feed.read, after=channel.position), self._polling)
            except UnknownJobError:
                _close(channel.subscribers)
                continue
            channel.is_stale = not delta.is_complete
            if delta.messages or delta.is_over or delta.position != channel.position:
                channel.send(_encode_delta(channel.position, delta))
            if delta.is_over:
                self._channels.pop(channel.feed, None)

    async def _tell_hints(self, moves: Mapping[str, int], marks: Mapping[str, Mark]) -> None:
        hints = list(_find_hints(moves, self._marks, marks)) if self._hearers else []
        if not hints:
            return
        rooms = set(self._hearers.values())
        owners = {} if rooms == {None} else await self.read(partial(read_projects, job_ids=moves.keys() | marks.keys()))
        for room in rooms:
            heard = [hint for hint in hints if room is None or owners.get(hint.data["job_id"]) == room]
            hearers = [subscriber for subscriber, project in self._hearers.items() if project == room]
            data = b"".join(map(_encode, heard))
            for slow in _broadcast(hearers, Chunk((0, 0), (0, 0), data)) if data else ():
                self._hearers.pop(slow, None)

    def _read_start(self, session: Session) -> tuple[int, dict[str, Mark]]:
        return read_newest_event(session), read_marks(session, set(), LEASED)

    def _read_news(self, session: Session, watched: set[str]) -> tuple[dict[str, int], dict[str, Mark]]:
        return read_moves(session, self._event), read_marks(session, watched, LEASED)

    def _all_subscribers(self) -> list[Subscriber]:
        return [*self._hearers, *(reader for channel in self._channels.values() for reader in channel.subscribers)]


class _Reader:
    """One client of a feed, and how far it has come."""

    def __init__(self, streams: Streams, feed: Feed, after: Position) -> None:
        self._streams, self._feed, self.position = streams, feed, after
        self.is_ended = False

    async def catch_up(self) -> AsyncIterator[bytes]:
        """Yield everything that there is now behind the position."""
        while not self._streams.is_closed:
            delta = await self._streams.read(partial(self._feed.read, after=self.position))
            if data := _encode_delta(self.position, delta).data:
                yield data
            self.position = delta.position
            self.is_ended = delta.is_over
            if delta.is_complete:
                return

    async def listen(self, subscriber: Subscriber) -> AsyncIterator[bytes]:
        """Yield chunks of the channel; one that does not begin at the position is read from the database instead."""
        if self.is_ended:
            return
        async for chunk in subscriber.chunks():
            if chunk is None:
                yield _PING
            elif chunk.start == self.position:
                self.position, self.is_ended = chunk.end, chunk.final_state is not None
                if chunk.data:
                    yield chunk.data
            elif chunk.end > self.position or chunk.final_state is not None:
                async for data in self.catch_up():
                    yield data
            if self.is_ended:
                return


class EventStream(StreamingResponse):
    """The answer that carries a stream; it ends when its reader takes nothing for a while."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], status_code: int = 200) -> None:
        super().__init__(content, status_code, headers={"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def stream_response(self, send: Send) -> None:
        """Send the stream, giving up on a reader that is stuck."""

        async def send_in_time(frame: Frame) -> None:
            async with asyncio.timeout(SEND_LIMIT_S):
                await send(frame)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            _log.warning("a stream was dropped: its reader is stuck")


def _find_hints(moves: Mapping[str, int], before: Mapping[str, Mark], marks: Mapping[str, Mark]) -> Iterable[Message]:
    for job_id, seq in moves.items():
        yield _hint(job_id, "event", seq)
    for job_id, mark in marks.items():
        old = before.get(job_id)
        if mark.metric_cursor != (old.metric_cursor if old else 0):
            yield _hint(job_id, "metrics", mark.metric_cursor)
        if (mark.attempt, mark.log_bytes) != ((old.attempt, old.log_bytes) if old else (0, 0)):
            yield _hint(job_id, "log", f"{mark.attempt}:{mark.log_bytes}")


def _hint(job_id: str, kind: str, cursor: int | str) -> Message:
    return Message("hint", "", {"job_id": job_id, "kind": kind, "cursor": cursor})


def _encode(message: Message) -> bytes:
    data = json.dumps(message.data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    number = f"id: {message.id}\n" if message.id else ""
    return f"event: {message.name}\n{number}data: {data}\n\n".encode()


def _encode_delta(start: Position, delta: Delta) -> Chunk:
    data = b"".join(map(_encode, delta.messages))
    if delta.is_over:
        data += _encode(Message("end", "", {"state": delta.state}))
    return Chunk(start, delta.position, data, delta.state if delta.is_over else None)


def _broadcast(subscribers: Iterable[Subscriber], chunk: Chunk) -> set[Subscriber]:
    """Hand a chunk to every subscriber; close and return those that are too slow."""
    slow = {subscriber for subscriber in subscribers if not subscriber.offer(chunk)}
    _close(slow)
    return slow


def _close(subscribers: Iterable[Subscriber]) -> None:
    for subscriber in subscribers:
        subscriber.close()
