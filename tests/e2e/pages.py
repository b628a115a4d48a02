"""The addresses of the dashboard, and services with so many jobs that there is something to see at them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.jobs.halving import halve_sweeps
from server.jobs.states import State
from tests.server.filling import add_jobs, add_points
from tests.server.house import House, open_served_house, sign
from tests.server.jobs.ground import experiment

_ROOT = Path(__file__).parents[2]
_PAGES = _ROOT / "web/src/pages.tsx"
_JOB_PAGE = _ROOT / "web/src/job/JobPage.tsx"
HOSTILE = {
    "markup": '<img src=x onerror="alert(1)"><script>alert(2)</script>{{7*7}}',
    "right-to-left": "\u202egnp.tneduts\u202c שלום עולם مرحبا",
    "emoji": "👩‍🔬🧪⚗️ " * 20,
    "long": "x" * 255,
    "words": "distil " * 36,
}
NOTES = "<b>notes</b> " + "ö" * 9_980
DESCRIPTION = "</script><svg onload=alert(3)>" + "w" * 4_000


def _places() -> list[str]:
    """Return the addresses that the navigation leads to."""
    return re.findall(r'href: "(/[^"]*)"', _PAGES.read_text(encoding="utf-8"))


def _tabs() -> list[str]:
    """Return the tabs of a job's page."""
    table = re.search(r"const TABS = \{(.*?)\n\}", _JOB_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert table is not None
    return re.findall(r"^  (\w+): \{", table[1], re.MULTILINE)


def addresses(house: House) -> dict[str, str]:
    """Return a name and an address for each page, for the jobs that there are."""
    found = {place.strip("/").replace("/", "-") or "jobs": place for place in [*_places(), "/jobs/new"]}
    jobs = [job["id"] for job in house.client.get("/v1/jobs", params={"limit": 5}).json()["data"]]
    if jobs:
        found |= {f"job-{tab}": f"/jobs/{jobs[0]}?tab={tab}" for tab in _tabs()}
    found["new-sweep"] = "/jobs/new?sweep=on"
    sweeps = [sweep["id"] for sweep in house.client.get("/v1/sweeps").json()["data"]]
    if sweeps:
        found["sweep"] = f"/sweeps/{sweeps[0]}"
    return found


def fill_sweep(house: House) -> None:
    """Give the house a sweep of three trials: one that has succeeded, one that runs, one that was stopped."""
    spec = experiment()
    spec["stages"][0] |= {"epochs": 45}  # 90 steps
    axes = {"/runtime/seed": {"values": [0, 1, 2]}, "/stages/0/optimizer/lr": {"values": [0.1]}}
    order = {"spec": spec, "axes": axes, "metric": "val/accuracy", "halving": {}, "name": "seeds"}
    response = house.client.post("/v1/sweeps", json=order)
    assert response.status_code == 201, response.text
    house.ground.announce(3)
    house.ground.assign()
    for trial in response.json()["trials"]:
        claim = house.ground.claim(house.ground.job(trial["job_id"]).lease_owner or "", trial["job_id"])
        house.start_run(claim)
        best = 0.9 - 0.2 * trial["number"]
        house.measure(claim, {step: {"val/accuracy": best - 1 / step} for step in range(5, 35, 5)})
        if trial["number"] == 1:
            house.succeed(claim, house.store(b"the best"))
    halve_sweeps(house.ground.database, "the test")


def fill_one(house: House) -> str:
    """Give the house a sweep, and a job that has run to its end with curves, a log and a student; return its id."""
    fill_sweep(house)
    claim = house.start_job()
    house.start_run(claim)
    house.measure(
        claim,
        {
            step: {"train/loss": 2 / step, "train/ce": 1.5 / step, "train/kd": 0.5 / step, "train/lr": 0.1}
            | ({"valid/accuracy": 1 - 1 / step, "valid/agreement": 1 - 0.9 / step} if step % 10 == 0 else {})
            for step in range(1, 201)
        },
    )
    text = "".join(f"step {step}: loss {2 / step:.4f}\n" for step in range(1, 201)).encode()
    house.write_log(claim, 0, text)
    house.succeed(claim, house.store(b"weights" * 100), log=text)
    return claim.job_id


def fill_many(house: House) -> str:
    """Give the house 300 jobs in all states, some with hostile names, and a million points; return the latter's id."""
    fill_one(house)
    add_jobs(house.ground.database, 300 - 3 - 1 - 1 - len(HOSTILE))
    for name in HOSTILE.values():
        document = {"spec": _hostile_spec(name), "name": name, "labels": {"team": name}}
        response = house.client.post("/v1/jobs", json=document)
        assert response.status_code == 201, response.text
        noted = house.client.patch(f"/v1/jobs/{response.json()['id']}", json={"notes": NOTES})
        assert noted.status_code == 200, noted.text
    [long] = add_jobs(house.ground.database, 1, State.SUCCEEDED)
    add_points(house.ground.database, [long], 1_000_000)
    return long


def _hostile_spec(name: str) -> dict[str, Any]:
    return experiment() | {"name": name[:128], "description": DESCRIPTION}


@contextmanager
def served(home: Path, **environment: str) -> Iterator[tuple[House, str]]:
    """Yield a service on SQLite and a key of it."""
    with open_served_house({"STILLHOUSE_HOME": str(home), **environment}) as house:
        yield house, sign(house.service)["Authorization"].removeprefix("Bearer ")
