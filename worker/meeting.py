"""Where the ranks of several hosts meet: an address of this host that the others reach, and a free port."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import psutil
from sqlalchemy import make_url

from server.settings import Settings

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a node is told of the others.

    Attributes:
        node: number of this node, from 0.
        address: HOST:PORT of node 0.
        interface: network interface of this host that its ranks talk over; None lets them find one.
    """

    node: int
    address: str
    interface: str | None = None


def choose_meeting(settings: Settings) -> str:
    """Return HOST:PORT where node 0 will wait for the others."""
    host = find_address(settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    return f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"


def find_address(settings: Settings) -> str:
    """Return the address of this host that other hosts reach: as set, else the one it reaches the database by.

    All hosts reach the database, so that is a network which they share. SQLite has one host alone.
    """
    if settings.worker_address:
        return settings.worker_address
    database = make_url(settings.database_address)
    if not database.host or database.get_backend_name() == "sqlite":
        return _LOOPBACK
    family, kind, _, _, place = socket.getaddrinfo(database.host, database.port or 5432, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(place)  # sends nothing: the kernel only chooses a route
        return str(probe.getsockname()[0])


def find_interface(address: str) -> str | None:
    """Return the network interface that has an address, None where there is none."""
    for name, entries in psutil.net_if_addrs().items():
        if any(entry.address == address for entry in entries):
            return name
    return None
