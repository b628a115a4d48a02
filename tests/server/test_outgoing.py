from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import pytest

from server.outgoing import AllowedHosts, ForbiddenAddressError, Outgoing
from tests.server.receiver import receiving

HOSTILE_NUMBERS = [
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "0.0.0.0",  # noqa: S104  not bound
    "[::]",
    "169.254.169.254",
    "10.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "[fe80::1]",
    "[fd00::1]",
]


@pytest.mark.parametrize("host", HOSTILE_NUMBERS)
def test_an_address_in_numbers_that_is_not_public_is_refused_when_it_is_named(host: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="not a public address"):
        AllowedHosts().check_url(f"http://{host}/hook")


@pytest.mark.parametrize("host", [*HOSTILE_NUMBERS, "localhost", "LOCALHOST"])
def test_an_address_that_is_not_public_is_not_called(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(ForbiddenAddressError, match="not a public address"):
            Outgoing(AllowedHosts(), 5).post(f"http://{host}:{port}/hook", {}, b"{}")
        assert receiver.messages == []


def test_the_name_of_this_machine_with_a_dot_behind_it_leads_nowhere() -> None:
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost.")
        with pytest.raises((ForbiddenAddressError, OSError)):  # some systems know the name, and some do not
            Outgoing(AllowedHosts(["localhost"]), 5).post(url, {}, b"{}")
        assert receiver.messages == []


def test_a_name_that_resolves_to_this_machine_beside_a_public_address_is_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(None, None, None, "", (address, port)) for address in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ForbiddenAddressError, match=r"rebinding\.example is at 127\.0\.0\.1"):
        Outgoing(AllowedHosts(), 5).post("http://rebinding.example/hook", {}, b"{}")


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiving() as target, receiving() as receiver:
        receiver.status, receiver.headers = 302, {"location": target.url}
        status = Outgoing(AllowedHosts(["127.0.0.1"]), 5).post(receiver.url, {}, b"{}")
        assert (status, len(receiver.messages), target.messages) == (302, 1, [])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org",
        "example.org/hook",
        "http:///hook",
        "https://user:password@example.org/",
        "https://example.org:99999/",
        "https://[::1/",
        "https://example.org/a b",
        "https://example.org/\r\nhost: localhost",
    ],
)
def test_what_is_no_plain_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        AllowedHosts().check_url(url)


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "localhost"])
def test_only_what_an_operator_names_may_be_called_although_it_is_not_public(allowed: str) -> None:
    hosts = AllowedHosts([allowed])
    assert "127.0.0.1" in hosts.resolve("localhost" if allowed == "localhost" else "127.0.0.1", 80)
    with pytest.raises(ForbiddenAddressError):
        hosts.resolve("10.0.0.1", 80)


def test_a_public_address_may_be_called() -> None:
    AllowedHosts().check_url("https://93.184.216.34/hook")
    assert AllowedHosts().resolve("93.184.216.34", 443) == ["93.184.216.34"]


@contextmanager
def dripping() -> Iterator[int]:
    """Listen, and answer a byte of a header at a time for ever."""
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while not over.wait(0.05):
                try:
                    connection.sendall(b"a")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()


def test_a_receiver_that_drips_is_given_up_in_time() -> None:
    with dripping() as port, pytest.raises(httpcore.ReadTimeout):
        Outgoing(AllowedHosts(["127.0.0.1"]), 0.5).post(f"http://127.0.0.1:{port}/", {}, b"{}")
