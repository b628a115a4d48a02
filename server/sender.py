"""The sender: a thread of each server process that sends what lies in the outbox; one is active at a time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from uuid import uuid4

import httpcore
import structlog
from sqlalchemy import select

from server.jobs.database import Database
from server.jobs.leadership import hold, let_go
from server.jobs.outbox import TAKEN_S, Answer, Letter, fill_outbox, record_answer, take_due
from server.jobs.tables import Webhook
from server.outgoing import AllowedHosts, ForbiddenAddressError, Outgoing
from server.settings import Settings

RIGHT = "webhooks"
_INTERVAL_S = 1.0
_AT_A_TIME = 8
_ERRORS = (
    ForbiddenAddressError,
    OSError,
    ValueError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
)

_log = structlog.get_logger()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message, as Standard Webhooks says: over its id, time and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def send_due(database: Database, outgoing: Outgoing) -> int:
    """Send every message that is due, several at a time; return how many attempts were made."""
    with database.write() as session:
        fill_outbox(session)
        letters = take_due(session, _AT_A_TIME)
    with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="webhook") as pool:
        for letter, answer in zip(letters, pool.map(lambda letter: _send(outgoing, letter), letters), strict=True):
            with database.write() as session:
                record_answer(session, letter, answer)
    return len(letters)


class Sender(threading.Thread):
    """Sends again and again while this process is the one that does."""

    def __init__(self, database: Database, settings: Settings) -> None:
        super().__init__(name="sender", daemon=True)
        self._database = database
        self._outgoing = Outgoing(AllowedHosts(settings.webhook_allowed_hosts), settings.webhook_timeout_s)
        self._owner = f"sender-{uuid4().hex}"
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Pass after pass until `stop`."""
        while not self._stop_asked.is_set():
            try:
                while self._pass() and not self._stop_asked.is_set():
                    pass  # there may be more
            except Exception:  # noqa: BLE001  the thread outlives every failed pass
                _log.exception("a pass of the sender failed")
            self._stop_asked.wait(_INTERVAL_S)

    def stop(self) -> None:
        """End the thread and give the right to send back."""
        self._stop_asked.set()
        self.join()
        try:
            with self._database.write() as session:
                let_go(session, RIGHT, self._owner)
        except Exception:  # noqa: BLE001  the end of a process; the right expires by itself
            _log.exception("the sender's right was not given back; it expires")

    def _pass(self) -> int:
        with self._database.read() as session:
            if session.scalar(select(Webhook.id).where(Webhook.deleted_at.is_(None)).limit(1)) is None:
                return 0  # the usual case costs one read
        with self._database.write() as session:
            is_mine = hold(session, RIGHT, self._owner, TAKEN_S)
        return send_due(self._database, self._outgoing) if is_mine else 0


def _send(outgoing: Outgoing, letter: Letter) -> Answer:
    body = json.dumps(letter.payload, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp, start = int(time.time()), time.perf_counter()
    headers = {
        "content-type": "application/json",
        "user-agent": f"Stillhouse/{version('stillhouse')}",
        "webhook-id": letter.delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(letter.secret, letter.delivery_id, timestamp, body),
    }
    status, error = None, None
    try:
        status = outgoing.post(letter.url, headers, body)
    except _ERRORS as failure:
        error = f"{type(failure).__name__}: {failure}"[:500]
    return Answer(status, error, round((time.perf_counter() - start) * 1000, 1))
