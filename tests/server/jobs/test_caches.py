from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from distill_core.spec import resolve
from server.jobs.attempts import Ending
from server.jobs.cache_key import find_cache_key
from server.jobs.caches import StoredOutputs, count_entries, list_doomed, list_entries, report_entries, request_removal
from server.jobs.finish import Outcome, finish
from server.jobs.lease import Claim
from server.jobs.lines import CacheLine
from server.jobs.record import Batch, ingest
from server.jobs.states import Reason, State
from tests.server.jobs.ground import Ground, experiment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEACHER = {"artifact": "art_" + "0" * 26}


def distillation(**changes: Any) -> dict[str, Any]:
    """Return a spec whose student listens for three epochs to a teacher on a view that is always the same."""
    spec = experiment()
    spec["models"]["teacher"] = {"model": "deep_nn", "weights": TEACHER}
    spec["data"]["train"]["views"] = {"main": {"transforms": [{"transform": "normalize"}]}}
    kd = {"method": "kd", "params": {"temperature": 4.0}}
    spec["stages"][0] |= {"teachers": ["teacher"], "epochs": 3, "objective": {"kd": kd}}
    spec["stages"][0] |= changes
    return spec


def key_of(spec: dict[str, Any], makers: dict[str, str] | None = None) -> str | None:
    return find_cache_key(resolve(spec), makers or {})


def changed(place: str, value: Any) -> dict[str, Any]:
    """Return the spec with another value at a place such as `models/teacher/weights`."""
    spec = distillation()
    *steps, last = place.split("/")
    inner: Any = spec
    for step in steps:
        inner = inner[int(step) if step.isdigit() else step]
    inner[last] = value
    return spec


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("name", "another title"),
        ("stages/0/objective/kd/params", {"temperature": 2.0}),
        ("stages/0/optimizer/lr", 0.01),
        ("stages/0/epochs", 9),
        ("models/student", {"model": "resnet8"}),
    ],
)
def test_jobs_that_hear_the_same_of_the_same_teacher_have_one_key(place: str, value: Any) -> None:
    assert key_of(changed(place, value)) == key_of(distillation()) is not None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("models/teacher/weights", {"artifact": "art_" + "1" * 26}),
        ("models/teacher/model", "resnet8"),
        ("data/train/num_samples", 64),
        ("data/train/views/main/transforms", []),
        ("stages/0/cache", {"format": "fp16"}),
        ("runtime", {"precision": "fp64"}),
        ("stages/0/objective/rkd", {"method": "rkd"}),
    ],
)
def test_another_teacher_other_data_another_view_or_form_have_another_key(place: str, value: Any) -> None:
    assert key_of(changed(place, value)) not in (None, key_of(distillation()))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("stages/0/cache", {"mode": "off"}),
        ("stages/0/epochs", 1),
        ("stages/0/mix", {"mixup": 0.2}),
        ("runtime", {"nodes": 2}),
        ("data/train/views/main/transforms", [{"transform": "random_crop", "padding": 1}]),
        ("stages/0/objective", {"ce": {"method": "ce"}}),
    ],
)
def test_a_job_that_stores_nothing_has_no_key(place: str, value: Any) -> None:
    assert key_of(changed(place, value)) is None


def test_a_teacher_is_the_same_by_its_artifact_and_by_the_job_that_made_it() -> None:
    job_id = "job_" + "0" * 26
    by_job = changed("models/teacher/weights", {"job": job_id})
    assert key_of(by_job) == key_of(distillation(), {TEACHER["artifact"]: job_id})


def _say(ground: Ground, claim: Claim, *modes: str) -> None:
    """Let the engine say what becomes of its teacher's outputs."""
    lines = [CacheLine(type="cache", time=NOW, stage="train", outputs="t", mode=mode, reason="x") for mode in modes]
    offset = ground.attempts(claim.job_id)[-1].events_offset
    with ground.database.write() as session:
        ingest(session, claim, Batch(lines, offset, offset + len(lines)))


def _start_two(ground: Ground) -> tuple[Claim, str]:
    """Return a job that stores outputs, taken up, and one behind it that wants the same ones."""
    worker_id = ground.announce(num_slots=2)
    first, second = ground.submit(distillation()), ground.submit(distillation())
    assert ground.assign() == 1
    return ground.claim(worker_id, first), second


def test_a_second_job_waits_while_the_first_one_stores_what_both_need(ground: Ground) -> None:
    claim, second = _start_two(ground)
    job = ground.job(second)
    assert (job.state, job.status_reason) == ("queued", "cache_build")
    assert claim.job_id in (job.status_message or "")
    _say(ground, claim, "write")
    assert ground.assign() == 0


@pytest.mark.parametrize("modes", [("ready",), ("read",), ("off",)])
def test_it_starts_once_the_outputs_are_there_or_are_not_stored_after_all(
    ground: Ground, modes: tuple[str, ...]
) -> None:
    claim, second = _start_two(ground)
    _say(ground, claim, *modes)
    assert ground.assign() == 1
    assert ground.job(second).state == State.STARTING


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
def test_it_starts_once_the_first_one_has_ended_whatever_it_ended_as(ground: Ground, state: State) -> None:
    claim, second = _start_two(ground)
    reason = None if state is State.SUCCEEDED else Reason.EXIT_CODE
    with ground.database.write() as session:
        finish(session, claim, Outcome(state, Ending(reason)))
    assert ground.assign() == 1
    assert ground.job(second).state == State.STARTING


def test_jobs_start_together_once_a_job_has_found_the_outputs_stored(ground: Ground) -> None:
    claim, second = _start_two(ground)
    _say(ground, claim, "write", "ready")
    with ground.database.write() as session:
        finish(session, claim, Outcome(State.SUCCEEDED, Ending()))
    third = ground.submit(distillation())
    assert ground.assign() == 2
    assert {ground.job(job_id).state for job_id in (second, third)} == {"starting"}


def test_jobs_that_need_other_outputs_or_none_do_not_wait(ground: Ground) -> None:
    ground.announce(num_slots=3)
    jobs = [ground.submit(spec) for spec in (distillation(), changed("data/train/num_samples", 64), experiment())]
    assert ground.assign() == 3
    assert [ground.job(job_id).cache_state for job_id in jobs] == ["building", "building", None]


def _entry(key: str, **facts: Any) -> StoredOutputs:
    values: dict[str, Any] = {"facts": {"model": "x\x00"}, "is_ready": True, "size": 10, "num_hits": 1, "saved_s": 0.5}
    return StoredOutputs(key, created_at=NOW, used_at=NOW, **values | facts)


def test_entries_are_what_a_worker_found_last_in_each_folder(ground: Ground) -> None:
    with ground.database.write() as session:
        report_entries(session, "one", [_entry("a"), _entry("b", is_ready=False)])
        report_entries(session, "two", [_entry("a")])
        report_entries(session, "one", [_entry("b", num_hits=3), _entry("c")])
    with ground.database.read() as session:
        rows = list_entries(session, after=None, limit=10).rows
        totals = count_entries(session)
    found = [(row.key, row.root, row.num_hits, row.is_ready) for row in rows]
    assert found == [("a", "two", 1, True), ("b", "one", 3, True), ("c", "one", 1, True)]
    assert (totals.num_entries, totals.size, totals.num_hits, totals.saved_s) == (3, 30, 5, 1.5)


def test_a_folder_that_is_empty_now_has_no_entries(ground: Ground) -> None:
    with ground.database.write() as session:
        report_entries(session, "one", [_entry("a")])
        report_entries(session, "one", [])
        assert count_entries(session).num_entries == 0


def test_a_removal_is_asked_for_in_every_folder_and_outlives_reports_until_it_is_done(ground: Ground) -> None:
    with ground.database.write() as session:
        report_entries(session, "one", [_entry("a"), _entry("b")])
        report_entries(session, "two", [_entry("a")])
        first = [row.delete_requested_at for row in request_removal(session, "a")]
    with ground.database.write() as session:
        assert [row.delete_requested_at for row in request_removal(session, "a")] == first
        assert request_removal(session, "none") == []
        report_entries(session, "one", [_entry("a"), _entry("b")])
        assert (list_doomed(session, "one"), list_doomed(session, "two")) == (["a"], ["a"])
        report_entries(session, "one", [_entry("b")])
        assert (list_doomed(session, "one"), list_doomed(session, "two")) == ([], ["a"])
