from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import event

from server.access import Caller, identify
from server.jobs.lease import Claim
from server.scopes import Scope
from tests.server.house import House
from tests.server.jobs.ground import experiment


def submit(house: House, **how: Any) -> str:
    return house.ground.submit(**how)


def pages(house: House, query: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a list, each found by the page before."""
    after: str | None = None
    while True:
        params = "" if after is None else f"&after={after}"
        page: dict[str, Any] = house.client.get(f"/v1/jobs?{query}{params}").json()
        yield page
        after = page["next"]
        if after is None:
            return


def ids(house: House, query: str) -> list[str]:
    return [job["id"] for page in pages(house, query) for job in page["data"]]


def measured(house: House, **values: Any) -> Claim:
    claim = house.start_job()
    house.start_run(claim)
    house.measure(claim, {1: values})
    house.succeed(claim)
    return claim


def test_pages_show_every_job_once_in_either_order(house: House) -> None:
    ids = [submit(house) for _ in range(7)]
    for order, expected in (("created_at", ids), ("-created_at", ids[::-1])):
        seen: list[str] = []
        after = ""
        while True:
            page = house.client.get(f"/v1/jobs?limit=3&sort={order}{after}").json()
            seen += [job["id"] for job in page["data"]]
            assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
            assert page["next"] == (page["last_id"] if page["has_more"] else None)
            after = f"&after={page['last_id']}"
            if not page["has_more"]:
                break
        assert seen == expected


def test_a_list_is_filtered_by_state_words_and_labels(house: House) -> None:
    plain = submit(house, name="Plain 100% job")
    labelled = submit(house, name="other", labels={"team": "vision", "tier": "1"})
    house.client.post(f"/v1/jobs/{plain}/cancel")

    assert ids(house, "state=cancelled") == [plain]
    assert ids(house, "state=cancelled&state=queued&sort=created_at") == [plain, labelled]
    assert ids(house, "q=plain%20100%25") == [plain]
    assert ids(house, "q=%25") == [plain]
    assert ids(house, "label.team=vision&label.tier=1") == [labelled]
    assert ids(house, "label.team=vision&label.tier=2") == []


def test_lists_never_read_specs(house: House) -> None:
    submit(house)
    statements: list[str] = []
    engine = house.service.database.engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert len(house.client.get("/v1/jobs").json()["data"]) == 1
    assert statements
    assert not any("job_specs" in statement for statement in statements)


@pytest.mark.parametrize("sort", ["name", "-name"])
def test_jobs_are_sorted_by_name_and_those_of_one_name_by_age(house: House, sort: str) -> None:
    made = [(name, submit(house, name=name)) for name in ("b", "c", "a", "b", "b")]
    expected = [job_id for _, job_id in sorted(made, reverse=sort == "-name")]
    assert ids(house, f"sort={sort}&limit=2") == expected
    assert ids(house, f"sort={sort}&limit=5") == expected


@pytest.mark.parametrize(("sort", "is_descending"), [("metric:val/acc", False), ("-metric:val/acc", True)])
def test_jobs_are_sorted_by_a_metric_and_those_without_it_come_last(
    house: House, sort: str, is_descending: bool
) -> None:
    values = {measured(house, **{"val/acc": value}).job_id: value for value in (0.5, 0.25, 0.5, 0.75)}
    without = [measured(house, **{"val/acc": "NaN"}).job_id, measured(house, other=1.0).job_id, submit(house)]
    expected = [
        *sorted(values, key=lambda job_id: (values[job_id], job_id), reverse=is_descending),
        *sorted(without, reverse=is_descending),
    ]
    for limit in (1, 2, 3, 7):
        assert ids(house, f"sort={sort}&limit={limit}") == expected


def test_a_metric_that_nothing_measured_sorts_as_by_age(house: House) -> None:
    made = [submit(house) for _ in range(3)]
    assert ids(house, "sort=metric:none&limit=2") == made
    assert ids(house, "sort=-metric:none&limit=2") == made[::-1]


def test_a_page_by_metric_goes_on_from_the_value_that_was_seen(house: House) -> None:
    claims = [measured(house, a=float(number)) for number in range(4)]
    first = house.client.get("/v1/jobs?sort=metric:a&limit=2").json()
    assert [job["id"] for job in first["data"]] == [claim.job_id for claim in claims[:2]]
    house.client.delete(f"/v1/jobs/{claims[1].job_id}")
    rest = house.client.get(f"/v1/jobs?sort=metric:a&limit=2&after={first['next']}").json()
    assert [job["id"] for job in rest["data"]] == [claim.job_id for claim in claims[2:]]


def test_the_place_of_one_order_is_none_in_another(house: House) -> None:
    for name in ("a", "b"):
        submit(house, name=name)
    place = house.client.get("/v1/jobs?sort=name&limit=1").json()["next"]
    for sort in ("-name", "metric:name"):
        answer = house.client.get(f"/v1/jobs?sort={sort}&after={place}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/after")


def test_an_unknown_order_names_the_nearest(house: House) -> None:
    answer = house.client.get("/v1/jobs?sort=-nmae")
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["value"], error["nearest"][0]) == ("/sort", "-nmae", "-name")
    assert "metric:KEY" in error["allowed"]


def test_a_page_tells_the_last_values_of_the_metrics_that_it_is_asked_for(house: House) -> None:
    claim = measured(house, loss=0.5, accuracy=0.9, odd="Infinity")
    other = submit(house)
    jobs = {job["id"]: job for job in house.client.get("/v1/jobs?metrics=loss&metrics=odd&metrics=none").json()["data"]}
    assert jobs[claim.job_id]["metrics"] == {"loss": 0.5, "odd": "Infinity"}
    assert jobs[other]["metrics"] == {}


def test_the_values_of_a_page_take_one_query_whatever_its_size(house: House) -> None:
    for _ in range(3):
        measured(house, loss=0.5)
    statements: list[str] = []
    event.listen(house.service.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert len(house.client.get("/v1/jobs?metrics=loss").json()["data"]) == 3
    assert sum("metric_latest" in statement for statement in statements) == 1


def test_jobs_are_found_by_when_they_were_made(house: House) -> None:
    made = [submit(house) for _ in range(3)]
    first, second, third = (quote(house.ground.job(job_id).created_at.isoformat()) for job_id in made)
    assert ids(house, f"created_after={first}&sort=created_at") == made[1:]
    assert ids(house, f"created_before={second}") == made[:1]
    assert ids(house, f"created_after={first}&created_before={third}") == made[1:2]
    assert ids(house, "created_before=1970-01-01T00:00:00Z") == []


def test_jobs_are_found_by_what_their_specs_use(house: House) -> None:
    plain = submit(house)
    taught = experiment()
    taught["models"]["teacher"] = {"model": "resnet20"}
    taught["stages"][0] |= {"teachers": ["teacher"], "objective": {"kd": {"method": "kd"}}}
    distilled = submit(house, document=taught)
    assert ids(house, "method=kd") == [distilled]
    assert ids(house, "method=ce&student=light_nn") == [plain]
    assert ids(house, "teacher=resnet20&dataset=digits") == [distilled]
    assert ids(house, "student=resnet20") == []


def test_a_caller_of_one_project_sees_no_other(house: House) -> None:
    mine, theirs = submit(house, project="mine"), submit(house, project="theirs")
    assert ids(house, "project=theirs") == [theirs]
    house.client.app.dependency_overrides[identify] = lambda: Caller("key_mine", "mine", frozenset(Scope))  # type: ignore[attr-defined]
    assert ids(house, "") == [mine] == ids(house, "project=mine")
    answer = house.client.get("/v1/jobs?project=theirs")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
