"""A job's log: bytes of an attempt from an offset, and as a stream."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from server.feeds import LogFeed, NodeLogFeed, Position
from server.jobs.queries import find_attempt, find_job
from server.problems import NotFoundError
from server.routes.query import KnownQuery, LastEventId, bad_event_id
from server.service import ReadSession, ServiceOf
from server.stream import EventStream
from server.transcripts import Excerpt, find_node_size, read_excerpt, read_node_excerpt

router = APIRouter(prefix="/v1/jobs/{job_id}/logs", tags=["logs"], dependencies=[Depends(KnownQuery())])

AttemptNumber = Annotated[int | None, Query(ge=1, lt=2**31, description="Attempt; the newest one if left out.")]
Offset = Annotated[int | None, Query(ge=0, lt=2**63, description="Byte to begin at.")]
Node = Annotated[int, Query(ge=0, lt=64, description="Host, of a job on several.")]
_NUMBER = {"schema": {"type": "integer"}}
_HEADERS = {
    "Stillhouse-Attempt": {**_NUMBER, "description": "Attempt that the bytes belong to."},
    "Stillhouse-Offset": {**_NUMBER, "description": "Offset of the first byte."},
    "Stillhouse-Next-Offset": {**_NUMBER, "description": "Offset behind the last byte."},
    "Stillhouse-Size": {**_NUMBER, "description": "Bytes of the whole log so far."},
}


class LogText(Response):
    """Bytes of a log, as they are."""

    media_type = "text/plain"


@router.get(
    "", summary="Read a job's log", response_class=LogText, responses={200: {"headers": _HEADERS}, 404: {}, 410: {}}
)
def read_job_log(
    session: ReadSession,
    service: ServiceOf,
    job_id: str,
    attempt: AttemptNumber = None,
    offset: Offset = None,
    limit: Annotated[int, Query(ge=1, le=2**20, description="Bytes at most.")] = 2**18,
    tail: Annotated[int | None, Query(ge=0, lt=2**63, description="Begin so many bytes before the end.")] = None,
    node: Node = 0,
) -> LogText:
    """Return bytes of an attempt's log; ask again from Stillhouse-Next-Offset for what comes later."""
    job = find_job(session, job_id)
    number = attempt or job.attempt
    found = find_attempt(session, job_id, number)
    if found is None and attempt is not None:
        raise NotFoundError(f"{job_id} has had {job.attempt} attempts; there is no log of attempt {attempt}")
    if found is None:
        return _answer(0, Excerpt(0, b"", 0))
    rank = node * job.num_devices
    size = found.log_bytes if node == 0 else find_node_size(session, found, rank)
    start = max(0, size - tail) if offset is None and tail is not None else offset or 0
    if node > 0:
        return _answer(number, read_node_excerpt(session, found, rank, start, limit))
    return _answer(number, read_excerpt(session, service.artifacts, found, start, limit))


@router.get("/stream", summary="Follow a job's log", response_class=EventStream, responses={404: {}})
def stream_job_log(
    session: ReadSession,
    service: ServiceOf,
    job_id: str,
    attempt: AttemptNumber = None,
    offset: Offset = None,
    node: Node = 0,
    last_event_id: LastEventId = None,
) -> EventStream:
    """Stream the log while it is written, attempt after attempt; `end` when the job is over."""
    job = find_job(session, job_id)
    if node >= job.num_nodes:
        raise NotFoundError(f"{job_id} runs on {job.num_nodes} hosts, from 0 on; there is no log of node {node}")
    position = (attempt or job.attempt, offset or 0) if last_event_id is None else _read_position(last_event_id)
    feed = LogFeed(job_id, service.artifacts) if node == 0 else NodeLogFeed(job_id, node)
    return EventStream(service.streams.follow(feed, position))


def _answer(attempt: int, excerpt: Excerpt) -> LogText:
    values = (attempt, excerpt.offset, excerpt.end, excerpt.size)
    headers = {name: str(value) for name, value in zip(_HEADERS, values, strict=True)}
    return LogText(excerpt.data, headers=headers | {"Cache-Control": "no-store"})


def _read_position(last_event_id: str) -> Position:
    if not re.fullmatch(r"[0-9]{1,9}:[0-9]{1,18}", last_event_id):
        raise bad_event_id(last_event_id, "ATTEMPT:OFFSET")
    attempt, offset = last_event_id.split(":")
    return int(attempt), int(offset)
