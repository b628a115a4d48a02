"""The client against a real server."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from server.jobs.states import TERMINAL
from stillhouse.client import (
    TERMINAL_STATES,
    Client,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    ServerUnreachableError,
    WaitTimeoutError,
)
from tests.services.processes import free_port
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker, tiny_spec


def _metrics(step: int, loss: float | str) -> bytes:
    values = json.dumps({"train/loss": loss})
    line = f'{{"type": "metrics", {TIME}, "stage": "train", "step": {step}, "epoch": 1, "values": {values}}}\n'
    return line.encode()


def test_client_and_server_agree_on_which_states_are_terminal() -> None:
    assert set(TERMINAL) == TERMINAL_STATES


def test_a_submitted_job_can_be_found_again(client: Client) -> None:
    job = client.submit(tiny_spec(), name="mine", labels={"who": "me"}, priority=3)
    found = client.job(job.id)
    assert (found.name, found.labels, found.priority, found.state) == ("mine", {"who": "me"}, 3, "queued")
    assert found.spec == tiny_spec()
    assert found.resolved_spec is not None
    assert [other.id for other in client.jobs(labels={"who": "me"})] == [job.id]


def test_a_spec_can_be_submitted_from_a_file(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(tiny_spec()))
    assert client.submit(path).name == "tiny"


def test_two_calls_with_one_key_make_one_job(client: Client) -> None:
    first = client.submit(tiny_spec(), idempotency_key="the-same")
    assert client.submit(tiny_spec(), idempotency_key="the-same").id == first.id
    assert client.submit(tiny_spec()).id != first.id


def test_a_wrong_spec_is_refused_with_every_problem(client: Client) -> None:
    spec = tiny_spec()
    spec["models"]["student"]["model"] = "resnt8"
    spec["stages"][0]["epochs"] = 0
    with pytest.raises(InvalidRequestError) as refusal:
        client.submit(spec)
    problems = {problem.pointer: problem for problem in refusal.value.problems}
    assert problems["/models/student/model"].value == "resnt8"
    assert "resnet8" in problems["/models/student/model"].nearest
    assert "/stages/0/epochs" in problems
    assert refusal.value.status == 422


def test_the_server_checks_a_spec_without_making_a_job(client: Client) -> None:
    assert client.validate(tiny_spec())["valid"]
    assert not client.validate({"version": 2})["valid"]


def test_a_job_that_is_not_there_is_not_found(client: Client) -> None:
    with pytest.raises(NotFoundError) as refusal:
        client.job("job_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert refusal.value.code == refusal.value.document["code"]


def test_a_list_goes_on_over_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [client.submit(tiny_spec(), labels={"page": "yes"}).id for _ in range(5)]
    monkeypatch.setattr("stillhouse.client.operator.PAGE_SIZE", 2)
    assert [job.id for job in client.jobs(labels={"page": "yes"}, sort="created_at")] == ids
    assert [job.id for job in client.jobs(labels={"page": "yes"})] == ids[::-1]


def test_cancelling_twice_is_no_error_but_a_done_job_has_its_reasons(
    client: Client, hand: HandWorker, tmp_path: Path
) -> None:
    job = client.submit(tiny_spec())
    assert client.cancel(job.id).state == "cancelled"
    done = client.submit(tiny_spec())
    claim = hand.take(done.id)
    hand.report(claim, RUN_STARTED)
    hand.succeed(claim, {})
    with pytest.raises(ConflictError):
        client.cancel(done.id)


def test_waiting_ends_with_the_job(client: Client) -> None:
    job = client.submit(tiny_spec())
    timer = threading.Timer(0.5, client.cancel, [job.id])
    timer.start()
    assert client.wait(job.id, poll_s=0.1).state == "cancelled"
    timer.join()


def test_waiting_for_too_long_is_an_error(client: Client) -> None:
    job = client.submit(tiny_spec())
    with pytest.raises(WaitTimeoutError, match="queued"):
        client.wait(job.id, timeout_s=0.2, poll_s=0.1)
    client.cancel(job.id)


def test_metrics_come_in_short_as_curves_and_as_a_stream(client: Client, hand: HandWorker) -> None:
    job = client.submit(tiny_spec())
    claim = hand.take(job.id)
    hand.report(claim, RUN_STARTED, _metrics(1, 0.5), _metrics(2, 0.25), _metrics(3, "NaN"))
    assert client.metrics(job.id)["train/loss"].last == "NaN"
    assert client.metrics(job.id)["train/loss"].min == 0.25
    points = client.series(job.id, ["train/loss"])["train/loss"].points
    assert [(point.step, point.value) for point in points] == [(1, 0.5), (2, 0.25), (3, "NaN")]
    threading.Timer(0.5, hand.succeed, [claim, {}]).start()
    rows = list(client.follow_metrics(job.id))
    assert [(row.step, row.values["train/loss"]) for row in rows] == [(1, 0.5), (2, 0.25), (3, "NaN")]
    assert list(client.follow_metrics(job.id, after=rows[1].cursor)) == rows[2:]


def test_events_tell_what_happened_once_each(client: Client, hand: HandWorker) -> None:
    job = client.submit(tiny_spec())
    claim = hand.take(job.id)
    hand.report(claim, RUN_STARTED)
    threading.Timer(0.5, hand.succeed, [claim, {}]).start()
    followed = list(client.follow_events(job.id))
    assert followed == list(client.events(job.id))
    assert list(client.events(job.id, after=followed[0].id)) == followed[1:]


def test_a_log_is_read_whole_in_parts_and_as_it_grows(client: Client, hand: HandWorker) -> None:
    job = client.submit(tiny_spec())
    assert list(client.logs(job.id)) == []
    claim = hand.take(job.id)
    hand.report(claim, RUN_STARTED)
    first = "grüße\u2028\n" * 60_000
    size = len(first.encode())
    hand.log(claim, 0, first)
    assert "".join(chunk.text for chunk in client.logs(job.id)) == first
    assert "".join(chunk.text for chunk in client.logs(job.id, tail=7)) == first.encode()[-7:].decode()
    timers = [threading.Timer(0.3, hand.log, [claim, size, "more\n"]), threading.Timer(0.9, hand.succeed, [claim, {}])]
    for timer in timers:
        timer.start()
    assert (
        "".join(chunk.text for chunk in client.follow_logs(job.id, offset=size - 7))
        == first.encode()[-7:].decode() + "more\n"
    )
    for timer in timers:
        timer.join()


def test_attempts_and_workers_are_listed(client: Client, hand: HandWorker) -> None:
    job = client.submit(tiny_spec())
    claim = hand.take(job.id)
    assert [attempt.number for attempt in client.attempts(job.id)] == [1]
    assert client.attempts(job.id)[0].worker_id == claim.worker_id
    assert claim.worker_id in [worker.id for worker in client.workers() if worker.host == "here"]
    hand.succeed(claim, {})


def test_a_server_that_was_never_there_is_told_of_within_two_seconds() -> None:
    started = time.monotonic()
    with (
        Client(f"http://127.0.0.1:{free_port()}") as client,
        pytest.raises(ServerUnreachableError, match="stillhouse up"),
    ):
        client.job("job_x")
    assert time.monotonic() - started < 2


def test_an_answer_that_is_no_problem_document_is_still_an_error(client: Client, server_of_nonsense: str) -> None:
    with Client(server_of_nonsense) as other, pytest.raises(NotFoundError, match="nothing here"):
        other.job("job_x")


@pytest.fixture
def server_of_nonsense() -> object:
    """The address of a web server that is something else."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404, explain="nothing here")

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as nonsense:
        thread = threading.Thread(target=nonsense.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{nonsense.server_port}"
        nonsense.shutdown()
        thread.join()
