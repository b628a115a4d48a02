"""Node 0 of an attempt on several hosts: says where the ranks meet, and ends the attempt when all nodes have ended."""

from __future__ import annotations

import time
from dataclasses import replace

from server.jobs.errors import LeaseLostError
from server.jobs.finish import Outcome
from server.jobs.members import NodeEnd, are_others_over, end_node, publish_address, read_ends
from server.jobs.states import State
from worker.engine import Order
from worker.meeting import Meeting, choose_meeting, find_address, find_interface
from worker.outcome import blame
from worker.supervise import PARTING_S, Supervisor


class LeadSupervisor(Supervisor):
    """Supervises node 0; what it does for the attempt is what the one supervisor of a single host does."""

    def _prepare(self) -> Order | None:
        """Lay out the folder, then say where the ranks meet; only then do the other nodes start theirs."""
        order = super()._prepare()
        if order is None:
            return None
        address = choose_meeting(self._settings)
        with self._database.write() as session:
            publish_address(session, self._claim, address)
        return replace(order, meeting=Meeting(0, address, find_interface(find_address(self._settings))))

    def _settle(self, outcome: Outcome) -> State:
        """Move the job once nothing of the attempt lives on any node that is still heard of."""
        self._end_processes()
        end = NodeEnd(0, outcome.ending.exit_code, outcome.ending.reason, outcome.message)
        self._retry(lambda: self._report(end))
        self._await_others(outcome)
        return super()._settle(blame(outcome, self._retry(self._read_ends)))

    def _await_others(self, outcome: Outcome) -> None:
        """Wait until every other node has said how it ended.

        A node that was lost says nothing: the reconciler then takes the job back, which ends this attempt. A run that
        has succeeded does not wait for that.

        Raises:
            LeaseLostError: the job belongs to another attempt now.
        """
        ttl_s = self._settings.lease_ttl_s
        patience_s = ttl_s / 2 if outcome.target is State.SUCCEEDED else 2 * ttl_s + PARTING_S
        deadline = time.monotonic() + patience_s
        while not self._retry(self._are_others_over) and time.monotonic() < deadline:
            if self._heart.is_lost:
                raise LeaseLostError(self._claim.job_id, self._claim.token)
            time.sleep(self._settings.poll_s)

    def _report(self, end: NodeEnd) -> None:
        with self._database.write() as session:
            end_node(session, self._claim, end)

    def _are_others_over(self) -> bool:
        with self._database.read() as session:
            return are_others_over(session, self._claim)

    def _read_ends(self) -> list[NodeEnd]:
        with self._database.read() as session:
            return read_ends(session, self._claim)
