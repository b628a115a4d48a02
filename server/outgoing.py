"""Requests that the service sends to addresses which people name: to public addresses, and to nothing else.

A name is resolved once, every address is looked at, and the connection is made to the very address that was looked at:
a name that resolves to something else a moment later gains nothing. Redirects are not followed, no proxy is asked.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpcore

from distill_core.errors import StillhouseError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class ForbiddenAddressError(StillhouseError):
    """The service sends nothing to this address."""

    code = "address_forbidden"


class AllowedHosts:
    """What may be called: everything public, and what an operator names: hosts, addresses and networks."""

    def __init__(self, names: Collection[str] = ()) -> None:
        self._networks = [network for name in names if (network := _read_network(name)) is not None]
        self._hosts = {name.lower() for name in names if _read_network(name) is None}

    def check_url(self, url: str) -> None:
        """Refuse what is no address of the web, and addresses in numbers that are not public; asks no name server.

        Raises:
            ForbiddenAddressError: says why.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 443
        except ValueError as error:
            raise ForbiddenAddressError(f"this is no address: {error}") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ForbiddenAddressError("an address begins with https:// or http:// and a host")
        if parts.username is not None or parts.password is not None:
            raise ForbiddenAddressError("an address holds no user and no password")
        if any(not 33 <= ord(character) <= 126 for character in url):
            raise ForbiddenAddressError("an address is printable ASCII without spaces: encode what is not")
        self._check_numbers(parts.hostname, port)

    def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, each of which may be called.

        Raises:
            ForbiddenAddressError: one of them may not.
            OSError: there is no such host.
        """
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if host.lower() not in self._hosts:
            for address in found:
                self._check(host, address)
        return found

    def _check_numbers(self, host: str, port: int) -> None:
        """Check a host that is written as a number, in any form that the system takes for one."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            return  # a name: looked at when it is called
        for entry in found:
            self._check(host, str(entry[4][0]))

    def _check(self, host: str, text: str) -> None:
        address = _unwrap(ipaddress.ip_address(text.partition("%")[0]))
        if any(address in network for network in self._networks if network.version == address.version):
            return
        if not address.is_global or address.is_multicast:
            raise ForbiddenAddressError(
                f"{host} is at {text}, which is not a public address; an operator may allow it "
                "(STILLHOUSE_WEBHOOK_ALLOWED_HOSTS)"
            )


class Outgoing:
    """Sends requests under these rules, each within a time."""

    def __init__(self, allowed: AllowedHosts, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._allowed = allowed
        self._tls = ssl.create_default_context()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a body and return the status of the answer, whose own body is not read.

        Raises:
            ForbiddenAddressError: the address may not be called.
            OSError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError: there was no answer.
        """
        backend = _Backend(self._allowed, time.monotonic() + self._timeout_s)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend, max_connections=1) as pool,
            pool.stream("POST", url, headers=list(headers.items()), content=body) as answer,
        ):
            return int(answer.status)


class _Backend(httpcore.NetworkBackend):
    """Connects to the addresses that were looked at, never to a name, and lets nothing outlast the deadline."""

    def __init__(self, allowed: AllowedHosts, deadline: float) -> None:
        self._allowed, self._deadline = allowed, deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers while there is time."""
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._allowed.resolve(host, port):
            try:
                stream = self._plain.connect_tcp(address, port, _left(self._deadline), local_address, socket_options)
            except httpcore.ConnectError as refused:
                error = refused
            else:
                return _HurriedStream(stream, self._deadline)
        raise error


class _HurriedStream(httpcore.NetworkStream):
    """A connection whose every step ends at the deadline: a receiver may drip."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read while there is time."""
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write while there is time."""
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Agree on a secret while there is time; the certificate is checked against the name, not the address."""
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _HurriedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection tells of itself."""
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the receiver took too long")
    return left


def _read_network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name.strip("[]"), strict=False)
    except ValueError:
        return None


def _unwrap(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one that leads to it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
