"""Curves of several jobs by the client, against a real server."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from stillhouse.client import Client, InvalidRequestError, PartMissingError
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker, tiny_spec


@pytest.fixture
def job_id(client: Client, hand: HandWorker) -> str:
    """A job that has measured two metrics at four steps; the last loss is no number."""
    job = client.submit(tiny_spec())
    claim = hand.take(job.id)
    losses = [json.dumps({"loss": loss, "acc": 0.5}) for loss in (4, 3, 2, "NaN")]
    lines = [
        f'{{"type": "metrics", {TIME}, "stage": "train", "step": {step}, "values": {values}}}\n'
        for step, values in enumerate(losses, 1)
    ]
    hand.report(claim, RUN_STARTED, *(line.encode() for line in lines))
    hand.succeed(claim, {})
    return job.id


def test_curves_of_jobs_come_in_the_order_asked_for_and_missing_jobs_are_named(client: Client, job_id: str) -> None:
    other = client.submit(tiny_spec()).id
    curves = client.curves([other, "job_none", job_id], ["loss", "acc"])
    assert ([job.job_id for job in curves.jobs], curves.missing) == ([other, job_id], ("job_none",))
    assert [point.value for point in curves.jobs[1].series[0].points] == [4, 3, 2, "NaN"]
    columns = curves.as_columns()
    assert (columns["key"], columns["step"]) == (["loss"] * 4 + ["acc"] * 4, [1, 2, 3, 4] * 2)
    assert math.isnan(columns["value"][3])


def test_a_part_of_the_curves_is_chosen_by_steps_or_times(client: Client, job_id: str) -> None:
    assert client.curves([job_id], ["acc"], start=2, end=3).as_columns()["step"] == [2, 3]
    early, late = (datetime(year, 6, 1, tzinfo=UTC) for year in (2025, 2026))
    assert len(client.curves([job_id], ["acc"], x="time", start=early, end=late).as_columns()["step"]) == 4
    assert client.curves([job_id], ["acc"], x="time", start=late).as_columns()["step"] == []
    with pytest.raises(InvalidRequestError, match="from"):
        client.curves([job_id], ["acc"], x="time", start=2)


def test_a_frame_has_job_metric_and_step_as_its_index(
    client: Client, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frame(dict[str, Any]):
        """What a frame is asked for here: pandas is no dependency."""

        def set_index(self, names: list[str]) -> tuple[list[str], dict[str, Any]]:
            return names, dict(self)

    curves = client.curves([job_id], ["loss"], max_points=1)
    monkeypatch.setitem(__import__("sys").modules, "pandas", SimpleNamespace(DataFrame=Frame))
    index, columns = curves.to_pandas()
    assert (index, columns["job_id"], columns["max"]) == (["job_id", "key", "step"], [job_id], [4.0])
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(PartMissingError, match="pip install pandas"):
        curves.to_pandas()
