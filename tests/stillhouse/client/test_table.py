"""Everything that a job has measured, as a table."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

import pytest

from stillhouse.client import Client, MetricRow, MetricTable, PartMissingError
from tests.stillhouse.serving import RUN_STARTED, TIME, HandWorker, tiny_spec


def _row(cursor: int, step: int, **values: float | str) -> MetricRow:
    return MetricRow(cursor=cursor, step=step, values=values)


def test_the_rows_of_a_running_job_are_those_so_far(client: Client, hand: HandWorker) -> None:
    job = client.submit(tiny_spec())
    assert client.metric_table(job.id) == MetricTable((), ())
    claim = hand.take(job.id)
    values = [json.dumps({"a": step, "b": 1}) for step in range(1, 251)]
    lines = [
        f'{{"type": "metrics", {TIME}, "stage": "train", "step": {step}, "values": {text}}}\n'
        for step, text in enumerate(values, 1)
    ]
    hand.report(claim, RUN_STARTED, *(line.encode() for line in lines))
    table = client.metric_table(job.id)
    assert table.keys == ("a", "b")
    assert table.as_columns()["a"] == list(range(1, 251))
    hand.succeed(claim, {})


def test_what_was_measured_again_counts_once() -> None:
    table = MetricTable.of([_row(1, 1, a=1), _row(2, 2, a=2), _row(3, 3, a=3), _row(4, 2, a=20), _row(5, 2, b=5)])
    columns = table.as_columns()
    assert (columns["step"], columns["a"], columns["b"]) == ([1, 2], [1, 20], [None, 5])


def test_numbers_that_json_lacks_are_numbers_again() -> None:
    [nan, inf] = MetricTable.of([_row(1, 1, a="NaN"), _row(2, 2, a="-Infinity")]).as_columns()["a"]
    assert math.isnan(nan)
    assert inf == -math.inf


def test_a_frame_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(PartMissingError, match="pip install pandas"):
        MetricTable.of([]).to_pandas()


def test_a_frame_has_the_step_as_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frame(dict[str, Any]):
        """What a frame is asked for here: pandas is no dependency."""

        def set_index(self, name: str) -> tuple[str, dict[str, Any]]:
            return name, dict(self)

    monkeypatch.setitem(__import__("sys").modules, "pandas", SimpleNamespace(DataFrame=Frame))
    index, columns = MetricTable.of([_row(1, 7, a=1)]).to_pandas()
    assert (index, columns["step"], columns["a"]) == ("step", [7], [1.0])
