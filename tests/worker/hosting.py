"""A worker in the test's own process."""

from __future__ import annotations

from dataclasses import replace

from server.jobs.ids import new_id
from server.jobs.workers import register
from tests.server.jobs.ground import Ground
from worker.host import Host, describe_host
from worker.identity import Identity


def make_host(ground: Ground) -> Host:
    """Register this process as a worker with one slot on the CPU."""
    found = describe_host(ground.settings, Identity(new_id("wrk"), new_id("wrk"), new_id("wrk")))
    host = replace(found, visible=("",), announcement=replace(found.announcement, slots=found.announcement.slots[:1]))
    with ground.database.write() as session:
        register(session, host.announcement)
    return host
