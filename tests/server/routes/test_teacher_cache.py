from __future__ import annotations

from datetime import UTC, datetime

from server.jobs.caches import StoredOutputs, report_entries
from tests.server.house import House

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def report(house: House, root: str, *keys: str) -> None:
    entries = [StoredOutputs(key, {"model": "resnet8"}, True, 100, 2, 1.5, NOW, NOW) for key in keys]
    with house.service.database.write() as session:
        report_entries(session, root, entries)


def test_entries_are_listed_with_what_they_take_and_what_they_saved(house: House) -> None:
    report(house, "one", "a" * 64, "b" * 64)
    page = house.client.get("/v1/teacher-cache").json()
    assert [entry["key"] for entry in page["data"]] == ["a" * 64, "b" * 64]
    entry = page["data"][0]
    assert (entry["root"], entry["is_ready"], entry["size"], entry["num_hits"]) == ("one", True, 100, 2)
    assert (entry["facts"], entry["delete_requested_at"]) == ({"model": "resnet8"}, None)
    assert (page["num_entries"], page["size"], page["num_hits"], page["saved_s"]) == (2, 200, 4, 3.0)


def test_pages_show_every_entry_once_and_the_totals_are_of_all(house: House) -> None:
    report(house, "one", "a" * 64, "b" * 64)
    report(house, "two", "a" * 64)
    seen: list[tuple[str, str]] = []
    after = ""
    while True:
        page = house.client.get(f"/v1/teacher-cache?limit=1{after}").json()
        seen += [(entry["key"][0], entry["root"]) for entry in page["data"]]
        assert page["num_entries"] == 3
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert seen == [("a", "one"), ("a", "two"), ("b", "one")]


def test_a_removal_is_noted_in_every_folder(house: House) -> None:
    report(house, "one", "a" * 64)
    report(house, "two", "a" * 64)
    answer = house.client.delete(f"/v1/teacher-cache/{'a' * 64}")
    assert answer.status_code == 202
    assert [entry["root"] for entry in answer.json()["data"]] == ["one", "two"]
    assert all(entry["delete_requested_at"] for entry in answer.json()["data"])
    assert house.client.delete(f"/v1/teacher-cache/{'a' * 64}").json() == answer.json()


def test_an_entry_that_nobody_has_reported_is_a_problem(local_house: House) -> None:
    answer = local_house.client.delete("/v1/teacher-cache/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_page_behind_no_entry_is_refused_at_its_place(local_house: House) -> None:
    answer = local_house.client.get("/v1/teacher-cache?after=x")
    assert (answer.status_code, answer.json()["code"]) == (422, "query_invalid")
    assert answer.json()["errors"][0]["pointer"] == "/after"


def test_an_empty_cache_comes_to_nothing(local_house: House) -> None:
    page = local_house.client.get("/v1/teacher-cache").json()
    assert (page["data"], page["num_entries"], page["size"], page["saved_s"]) == ([], 0, 0, 0.0)
