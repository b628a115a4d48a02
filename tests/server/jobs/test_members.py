from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from server.jobs.database import change_rows, now
from server.jobs.errors import LeaseLostError
from server.jobs.lease import Claim, heartbeat, read_orders
from server.jobs.logs import append_log, append_node_log, drop_chunks
from server.jobs.members import NodeEnd, are_others_over, end_node, publish_address, read_address, read_ends
from server.jobs.reconcile import reconcile_once
from server.jobs.states import State
from server.jobs.tables import Job, LogChunk, Member
from server.jobs.verbs import cancel_job
from tests.server.jobs.ground import Ground


def _start(ground: Ground) -> tuple[Claim, Claim]:
    """Let two workers take up a job on two nodes."""
    for _ in range(2):
        ground.announce()
    job_id = ground.submit(num_nodes=2)
    assert ground.assign() == 1
    return _take_up(ground, job_id, 0), _take_up(ground, job_id, 1)


def _take_up(ground: Ground, job_id: str, node: int) -> Claim:
    with ground.database.read() as session:
        worker_id = session.scalars(select(Member.worker_id).where(Member.node == node)).one()
    return ground.claim(worker_id, job_id)


def _silence(ground: Ground, node: int, seconds: float = 100.0) -> None:
    with ground.database.write() as session:
        then = now(session) - timedelta(seconds=seconds)
        change_rows(session, update(Member).where(Member.node == node).values(heartbeat_at=then))


def _reconcile(ground: Ground, *, may_expire: bool = True) -> tuple[str, ...]:
    return reconcile_once(ground.database, ground.doorbell, ground.patient_settings, may_expire=may_expire).lost


def test_each_node_knows_its_number_and_the_lowest_of_its_ranks(ground: Ground) -> None:
    lead, member = _start(ground)
    assert (lead.node, lead.is_lead, lead.first_rank) == (0, True, 0)
    assert (member.node, member.is_lead, member.first_rank, member.num_nodes) == (1, False, 1, 2)


def test_only_node_0_moves_the_end_of_the_lease(ground: Ground) -> None:
    for _ in range(2):
        ground.announce()
    job_id = ground.submit(num_nodes=2)
    ground.assign()
    given = ground.job(job_id).lease_expires_at
    member = _take_up(ground, job_id, 1)
    with ground.database.write() as session:
        heartbeat(session, member, 3600)
    assert ground.job(job_id).lease_expires_at == given
    lead = _take_up(ground, job_id, 0)
    with ground.database.write() as session:
        heartbeat(session, lead, 3600)
    moved = ground.job(job_id).lease_expires_at
    assert moved is not None
    assert given is not None
    assert moved > given


def test_the_address_where_ranks_meet_is_read_by_the_other_nodes(ground: Ground) -> None:
    lead, member = _start(ground)
    with ground.database.write() as session:
        assert read_address(session, member) is None
        publish_address(session, lead, "10.0.0.1:29500")
        assert read_address(session, member) == "10.0.0.1:29500"


def test_a_silent_node_ends_the_attempt_at_no_cost_and_gives_everything_back(ground: Ground) -> None:
    lead, member = _start(ground)
    assert _reconcile(ground) == ()
    _silence(ground, 1)
    assert _reconcile(ground, may_expire=False) == ()
    ground.submit(priority=99)  # it takes one of the slots, so that the lost job waits
    assert _reconcile(ground) == (lead.job_id,)
    job = ground.job(lead.job_id)
    assert (job.state, job.status_reason, job.num_restarts) == ("queued", "worker_lost", 0)
    assert "node 1 was lost" in (job.status_message or "")
    assert ground.holders().count(lead.job_id) == 0
    for claim in (lead, member):
        with ground.database.write() as session, pytest.raises(LeaseLostError):
            heartbeat(session, claim, 60)


def test_a_node_that_has_said_how_it_ended_may_be_silent(ground: Ground) -> None:
    _, member = _start(ground)
    with ground.database.write() as session:
        end_node(session, member, NodeEnd(1, 0))
    _silence(ground, 1)
    assert _reconcile(ground) == ()


def test_a_node_that_never_answers_dissolves_the_attempt(ground: Ground) -> None:
    for _ in range(2):
        ground.announce()
    job_id = ground.submit(num_nodes=2)
    ground.assign()
    _take_up(ground, job_id, 0)
    with ground.database.write() as session:
        then = now(session) - timedelta(seconds=100)
        change_rows(session, update(Member).where(Member.node == 1).values(created_at=then))
    findings = reconcile_once(ground.database, ground.doorbell, ground.patient_settings, may_expire=True)
    assert findings.not_started == (job_id,)
    assert [attempt.reason for attempt in ground.attempts(job_id)] == ["not_started", None]
    assert ground.job(job_id).num_restarts == 0


def test_nodes_hear_of_one_anothers_end(ground: Ground) -> None:
    lead, member = _start(ground)
    with ground.database.write() as session:
        assert not read_orders(session, lead).part
        assert not read_orders(session, member).part
        end_node(session, member, NodeEnd(1, -9, "rank_failed", "killed\x00"))
        assert read_orders(session, lead).part
        assert not read_orders(session, member).part
        assert are_others_over(session, lead)
        assert read_ends(session, lead) == [NodeEnd(1, -9, "rank_failed", "killed\ufffd")]
        assert not are_others_over(session, member)
        end_node(session, lead, NodeEnd(0, 1))
        assert read_orders(session, member).part


def test_a_node_of_an_attempt_that_is_over_can_say_nothing_more(ground: Ground) -> None:
    lead, member = _start(ground)
    with ground.database.write() as session:
        change_rows(session, update(Job).where(Job.id == lead.job_id).values(lease_token=lead.token + 1))
    with ground.database.write() as session, pytest.raises(LeaseLostError):
        end_node(session, member, NodeEnd(1, 0))
    with ground.database.write() as session, pytest.raises(LeaseLostError):
        append_node_log(session, member, 0, b"late", max_bytes=2**20)


def test_the_log_of_a_further_node_is_kept_beside_that_of_node_0(ground: Ground) -> None:
    lead, member = _start(ground)
    with ground.database.write() as session:
        append_log(session, lead, 0, b"lead", max_bytes=2**20)
        assert append_node_log(session, member, 0, b"member", max_bytes=2**20) == 6
        assert append_node_log(session, member, 0, b"member", max_bytes=2**20) == 6
        drop_chunks(session, lead, 4)
    with ground.database.read() as session:
        assert [(chunk.rank, chunk.data) for chunk in session.scalars(select(LogChunk))] == [(1, b"member")]
    assert ground.job(lead.job_id).log_bytes == 4


def test_every_node_hears_that_the_job_is_to_be_cancelled(ground: Ground) -> None:
    lead, member = _start(ground)
    with ground.database.write() as session:
        cancel_job(session, lead.job_id, "user")
        assert read_orders(session, lead).cancel
        assert read_orders(session, member).cancel
    assert ground.job(lead.job_id).state == State.CANCELLING


@pytest.mark.parametrize(("exit_code", "parts"), [(0, False), (75, True), (-9, True), (None, True)])
def test_node_0_goes_on_without_a_node_that_ended_well(ground: Ground, exit_code: int | None, parts: bool) -> None:
    lead, member = _start(ground)
    with ground.database.write() as session:
        end_node(session, member, NodeEnd(1, exit_code))
    with ground.database.read() as session:
        assert read_orders(session, lead).part is parts
