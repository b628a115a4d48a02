"""A further node of an attempt on several hosts: runs its ranks as node 0 says, and records nothing but their log."""

from __future__ import annotations

import time

from server.jobs.attempts import Ending
from server.jobs.finish import Outcome
from server.jobs.logs import append_node_log
from server.jobs.members import NodeEnd, end_node, read_address
from server.jobs.states import Reason, State
from worker.engine import Order
from worker.meeting import Meeting, find_address, find_interface
from worker.prepare import prepare_node
from worker.supervise import Supervisor
from worker.watch import Watch
from worker.words import describe_end


class MemberWatch(Watch):
    """Records the log of a further node; its engine's events are node 0's to tell."""

    def record(self) -> None:
        """Record what was added to the log.

        Raises:
            LeaseLostError: the job belongs to another attempt now.
        """
        while data := self._log.read():
            with self._database.write() as session:
                self._log.offset = append_node_log(
                    session, self._claim, self._log.offset, data, max_bytes=self._settings.max_log_bytes
                )


class MemberSupervisor(Supervisor):
    """Supervises the ranks of a further node; the attempt's end is node 0's business."""

    _end: NodeEnd | None = None

    def _prepare(self) -> Order | None:
        """Lay out the folder once node 0 has said where the ranks meet; None when somebody wants it otherwise."""
        while (address := self._read_address()) is None:
            self._look(None)
            if self._wish is not None:
                return None
            time.sleep(self._settings.poll_s)
        meeting = Meeting(self._claim.node, address, find_interface(find_address(self._settings)))
        return prepare_node(self._database, self._store, self._settings, self._host, self._claim, meeting)

    def _open_watch(self, order: Order, pid: int) -> Watch:
        return MemberWatch(self._settings, self._claim, self._database, self._store, order, pid=pid)

    def _conclude(self, exit_code: int, watch: Watch) -> Outcome:
        self._end = describe_end(self._claim.node, exit_code, watch.order.folder, was_asked=self._wish is not None)
        return Outcome(State.QUEUED, Ending())

    def _settle(self, outcome: Outcome) -> State:
        """Say how this node ended, once nothing of the attempt lives here."""
        self._end_processes()
        end = self._end or self._describe_unstarted(outcome)
        self._retry(lambda: self._report(end))
        return outcome.target

    def _describe_unstarted(self, outcome: Outcome) -> NodeEnd:
        """Return the end of a node that started no engine: with a reason where that is the attempt's failure."""
        reason = outcome.ending.reason if outcome.target is State.FAILED else None
        if outcome.ending.is_counted:
            reason = Reason.RANK_FAILED
        return NodeEnd(self._claim.node, None, reason, outcome.message)

    def _read_address(self) -> str | None:
        with self._database.read() as session:
            return read_address(session, self._claim)

    def _report(self, end: NodeEnd) -> None:
        with self._database.write() as session:
            end_node(session, self._claim, end)
