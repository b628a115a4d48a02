"""Reading a log by byte offsets, page after page."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from stillhouse.client.results import LogChunk
from stillhouse.client.transport import Transport


def read_log(
    transport: Transport, job_id: str, *, attempt: int | None, offset: int | None, tail: int | None
) -> Iterator[LogChunk]:
    """Yield an attempt's log up to its present end; a character is never cut in two."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    params = {"attempt": attempt, "offset": offset, "tail": tail}
    while True:
        answer = transport.send("GET", f"/v1/jobs/{job_id}/logs", params=params)
        number, start, end, size = (
            int(answer.headers.get(f"stillhouse-{name}", 0)) for name in ("attempt", "offset", "next-offset", "size")
        )
        is_last = end >= size or end <= start
        text = decoder.decode(answer.content, final=is_last)
        if text:
            yield LogChunk(attempt=number, offset=start, text=text)
        if is_last:
            return
        params = {"attempt": number, "offset": end}
