from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from server.jobs.lease import Claim
from server.jobs.logs import append_node_log
from server.jobs.members import NodeEnd, end_node
from server.jobs.tables import Member
from tests.server.house import House

TEXT = "".join(f"line {number}: naïve café {'x' * (number % 50)}\n" for number in range(4000)).encode()


@pytest.fixture
def claim(house: House) -> Claim:
    claim = house.start_job()
    house.start_run(claim)
    for start in range(0, len(TEXT), 50_000):
        house.write_log(claim, start, TEXT[start : start + 50_000])
    return claim


def read(house: House, claim: Claim, query: str = "") -> tuple[bytes, dict[str, int]]:
    answer = house.client.get(f"/v1/jobs/{claim.job_id}/logs{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    names = ("attempt", "offset", "next-offset", "size")
    return answer.content, {name: int(answer.headers[f"stillhouse-{name}"]) for name in names}


def test_a_log_is_read_page_by_page_without_a_gap(house: House, claim: Claim) -> None:
    read_so_far = b""
    while True:
        data, place = read(house, claim, f"?offset={len(read_so_far)}&limit=30001")
        assert place["offset"] == len(read_so_far)
        read_so_far += data
        assert place == {"attempt": 1, "offset": place["offset"], "next-offset": len(read_so_far), "size": len(TEXT)}
        if len(read_so_far) == len(TEXT):
            break
        assert len(data) == 30001
    assert read_so_far == TEXT


def test_the_tail_is_the_end_of_the_log(house: House, claim: Claim) -> None:
    assert read(house, claim, "?tail=1000")[0] == TEXT[-1000:]
    assert read(house, claim, "?tail=99999999&limit=10")[0] == TEXT[:10]
    assert read(house, claim, f"?offset={len(TEXT) + 99}")[0] == b""


def test_a_finished_log_reads_as_the_running_one_did(house: House, claim: Claim) -> None:
    house.succeed(claim, log=TEXT)
    assert read(house, claim, "?limit=1000000") == (
        TEXT,
        {"attempt": 1, "offset": 0, "next-offset": len(TEXT), "size": len(TEXT)},
    )
    assert read(house, claim, "?offset=100&limit=10")[0] == TEXT[100:110]


def test_a_log_that_the_quota_cut_goes_on_behind_the_cut(house: House, claim: Claim) -> None:
    rest = b"y" * 50_000
    house.write_log(claim, len(TEXT), rest, max_bytes=60_000)
    data, place = read(house, claim)
    assert place["offset"] > 0
    assert data.startswith(b"[stillhouse: the first ")
    assert data.endswith(rest)
    whole = data
    house.succeed(claim, log=whole)
    assert read(house, claim) == (whole, place)


def test_each_attempt_has_its_own_log(house: House, claim: Claim) -> None:
    house.requeue(claim)
    later = house.restart_job(claim.job_id)
    house.start_run(later)
    house.write_log(later, 0, b"again\n")
    assert read(house, claim) == (b"again\n", {"attempt": 2, "offset": 0, "next-offset": 6, "size": 6})
    assert read(house, claim, "?attempt=1&limit=5")[0] == TEXT[:5]
    assert house.client.get(f"/v1/jobs/{claim.job_id}/logs?attempt=3").status_code == 404
    attempts = house.client.get(f"/v1/jobs/{claim.job_id}/attempts").json()["data"]
    assert [(entry["number"], entry["reason"], entry["log_bytes"]) for entry in attempts] == [
        (1, "preempted", len(TEXT)),
        (2, None, 6),
    ]


def test_a_job_that_never_ran_has_an_empty_log(house: House) -> None:
    answer = house.client.get(f"/v1/jobs/{house.ground.submit()}/logs")
    assert (answer.content, answer.headers["stillhouse-size"]) == (b"", "0")


def test_the_log_of_a_further_host_is_read_by_its_number(house: House) -> None:
    for _ in range(2):
        house.ground.announce()
    job_id = house.ground.submit(num_nodes=2)
    house.ground.assign()
    with house.service.database.write() as session:
        members = session.execute(select(Member.worker_id).order_by(Member.node)).scalars().all()
    lead, member = (house.ground.claim(worker_id, job_id) for worker_id in members)
    house.write_log(lead, 0, b"first host")
    with house.service.database.write() as session:
        append_node_log(session, member, 0, b"second ", max_bytes=2**20)
        append_node_log(session, member, 7, b"host", max_bytes=2**20)
    path = f"/v1/jobs/{job_id}/logs"
    assert house.client.get(path).text == "first host"
    answer = house.client.get(f"{path}?node=1")
    assert (answer.text, answer.headers["stillhouse-size"]) == ("second host", "11")
    assert house.client.get(f"{path}?node=1&tail=4").text == "host"
    assert house.client.get(f"{path}?node=1&offset=11").text == ""
    assert house.client.get(f"{path}?node=2").text == ""
    assert house.client.get(f"{path}/stream?node=2").status_code == 404
    with house.service.database.write() as session:
        append_node_log(session, member, 11, " says ü\n".encode(), max_bytes=2**20)
        end_node(session, member, NodeEnd(1, 0))
    house.succeed(lead)
    streamed = house.client.get(f"{path}/stream?node=1").text
    assert [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: ")] == [
        {"attempt": 1, "offset": 0, "text": "second host says ü\n"},
        {"state": "succeeded"},
    ]
    resumed = house.client.get(f"{path}/stream?node=1", headers={"last-event-id": "1:7"}).text
    assert '"offset":7,"text":"host says' in resumed
