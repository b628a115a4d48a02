"""A proxy that does to connections what bad networks do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Spoil = Callable[[bytes], bytes]


@dataclass(slots=True)
class Chaos:
    """What the proxy does next.

    Attributes:
        url: where it listens.
        cuts: for each coming connection, the bytes of answer after which it is cut; none left: it is not.
        spoil: changes the bytes of answers.
        requests: the first lines and headers of what was asked.
    """

    url: str
    cuts: list[int] = field(default_factory=list)
    spoil: Spoil = field(default=lambda data: data)
    requests: list[str] = field(default_factory=list)


@contextmanager
def open_chaos(target: str) -> Iterator[Chaos]:
    """Yield a proxy in front of a server; each request gets a connection of its own."""
    address = urlsplit(target)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        chaos = Chaos(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(
            target=_accept, args=(listener, (str(address.hostname), int(address.port or 80)), chaos), daemon=True
        )
        thread.start()
        yield chaos
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _accept(listener: socket.socket, target: tuple[str, int], chaos: Chaos) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError), client, socket.create_connection(target) as server:
            _pass_on(client, server, chaos)


def _pass_on(client: socket.socket, server: socket.socket, chaos: Chaos) -> None:
    """Pass one request on, and as much of the answer as is allowed."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(65536)
    chaos.requests.append(request.decode("latin-1"))
    server.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    left = chaos.cuts.pop(0) if chaos.cuts and b"/content" in request.splitlines()[0] else None
    while data := server.recv(65536):
        piece = chaos.spoil(data) if left is None else chaos.spoil(data)[:left]
        client.sendall(piece)
        if left is not None:
            left -= len(piece)
            if left <= 0:
                client.shutdown(socket.SHUT_RDWR)
                return
