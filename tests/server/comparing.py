"""Jobs of one student with and without a teacher, succeeded, as far as rows go."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from server.jobs.lines import EvaluatedLine
from server.jobs.record import Batch, ingest
from server.jobs.tables import Job
from tests.server.house import START, House
from tests.server.jobs.ground import experiment

UPLOAD = {"upload": "upl_" + "0" * 26}


def control_spec(seed: int = 0, **stage: Any) -> dict[str, Any]:
    """Return a spec without a teacher that is tested on the 360 samples of digits' test split."""
    spec = copy.deepcopy(experiment())
    spec["data"]["test"] = {"dataset": "digits", "split": "test"}
    spec["evaluation"] = {"stream": "test"}
    spec["runtime"] = {"seed": seed}
    spec["stages"][0] |= stage
    return spec


def taught_spec(seed: int = 0, **stage: Any) -> dict[str, Any]:
    """Return the same with a teacher."""
    spec = control_spec(seed, **stage)
    spec["models"]["teacher"] = {"model": "deep_nn", "weights": UPLOAD}
    terms = {"ce": {"method": "ce"}, "kd": {"method": "kd"}}
    spec["stages"][0] |= {"teachers": ["teacher"], "objective": terms}
    return spec


def run_job(house: House, spec: dict[str, Any], figures: Mapping[str, Any] | None, **how: Any) -> str:
    """Let a job of a spec run and succeed with its figures; return its id."""
    house.ground.announce()
    claim = house.restart_job(house.ground.submit(spec, **how))
    house.start_run(claim)
    if figures is not None:
        house.measure(claim, {2: figures})
        attempt = house.ground.attempts(claim.job_id)[-1]
        line = EvaluatedLine(type="evaluated", time=START, values=dict(figures))
        with house.ground.database.write() as session:
            ingest(session, claim, Batch([line], attempt.events_offset, attempt.events_offset + 1))
    house.succeed(claim)
    return claim.job_id


def forget_keys(house: House, job_id: str) -> None:
    """Make a job as those are that were submitted before keys of comparison were kept."""
    with house.ground.database.write() as session:
        job = session.get_one(Job, job_id)
        job.control_key = job.peer_key = None
