from __future__ import annotations

import socket
from pathlib import Path

import pytest

from server.settings import Settings
from tests.server.jobs.ground import make_settings
from worker.engine import Order, engine_environment
from worker.meeting import Meeting, choose_meeting, find_address, find_interface
from worker.processes import Mark


def _settings(tmp_path: Path, **environment: str) -> Settings:
    return make_settings({"STILLHOUSE_HOME": str(tmp_path)} | environment)


def test_a_host_with_a_database_of_its_own_meets_on_loopback(tmp_path: Path) -> None:
    assert find_address(_settings(tmp_path)) == "127.0.0.1"


def test_a_host_is_met_at_the_address_by_which_it_reaches_the_database(tmp_path: Path) -> None:
    settings = _settings(tmp_path, STILLHOUSE_DATABASE_URL="postgresql://u:p@127.0.0.1:5432/x")
    assert find_address(settings) == "127.0.0.1"


def test_the_address_may_be_said(tmp_path: Path) -> None:
    assert find_address(_settings(tmp_path, STILLHOUSE_WORKER_ADDRESS="10.1.2.3")) == "10.1.2.3"


def test_the_meeting_is_at_a_port_that_is_free(tmp_path: Path) -> None:
    host, _, port = choose_meeting(_settings(tmp_path)).rpartition(":")
    with socket.create_server((host, int(port))) as listener:
        assert listener.getsockname()[1] == int(port)


def test_ranks_talk_over_the_interface_that_has_the_address(tmp_path: Path) -> None:
    interface = find_interface("127.0.0.1")
    assert interface is not None
    assert find_interface("203.0.113.1") is None
    order = Order(tmp_path, Mark("i", "job", 1, 1), "", meeting=Meeting(1, "127.0.0.1:1", interface))
    assert engine_environment({}, order)["GLOO_SOCKET_IFNAME"] == interface
    assert engine_environment({"GLOO_SOCKET_IFNAME": "eth7"}, order)["GLOO_SOCKET_IFNAME"] == "eth7"


@pytest.mark.parametrize("interface", [None, "lo"])
def test_an_engine_of_one_host_is_told_of_no_interface(tmp_path: Path, interface: str | None) -> None:
    meeting = None if interface else Meeting(0, "127.0.0.1:1")
    order = Order(tmp_path, Mark("i", "job", 1, 1), "", meeting=meeting)
    assert "GLOO_SOCKET_IFNAME" not in engine_environment({}, order)
