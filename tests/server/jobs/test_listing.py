"""What the database does for a page of jobs: it walks an index from the page's first job, and never all jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from server.jobs.lines import MetricsLine
from server.jobs.listing import JobFilter, Place, Sort, list_jobs
from server.jobs.record import Batch, ingest
from server.jobs.states import State
from tests.server.jobs.ground import Ground

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILTERS = {
    "all": JobFilter(),
    "by state": JobFilter(states=(State.QUEUED,)),
    "by label": JobFilter(labels={"team": "a"}),
    "by time": JobFilter(created_after=NOW, created_before=NOW),
}
SORTS = {
    "by age": (Sort(), Place("job_1")),
    "by name": (Sort("name", None, is_descending=False), Place("job_1", "a")),
    "by metric": (Sort("metric", "loss"), Place("job_1", 0.5)),
    "by metric, unmeasured": (Sort("metric", "loss"), Place("job_1", None)),
}


def _explain(session: Session, wanted: JobFilter, sort: Sort, after: Place | None) -> str:
    """Return the plans of every query on jobs that a page takes."""
    found: list[tuple[str, Any]] = []
    engine = session.get_bind()

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    list_jobs(session, wanted, sort, after, 20)
    event.remove(engine, "before_cursor_execute", note)
    connection = session.connection()
    how = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    rows = [
        row
        for statement, parameters in found
        if "FROM jobs" in statement
        for row in connection.exec_driver_sql(f"{how} {statement}", parameters)
    ]
    assert rows
    return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS.keys())
@pytest.mark.parametrize(("sort", "place"), SORTS.values(), ids=SORTS.keys())
@pytest.mark.parametrize("is_first", [True, False], ids=["first page", "later page"])
def test_no_page_scans_the_jobs(ground: Ground, wanted: JobFilter, sort: Sort, place: Place, *, is_first: bool) -> None:
    claim = ground.start_job()
    line = MetricsLine(type="metrics", time=NOW, stage="s", step=1, epoch=0.0, values={"loss": 0.5})
    with ground.database.write() as session:
        ingest(session, claim, Batch([line], 0, 10))
    with ground.database.read() as session:
        if not ground.database.is_sqlite:
            session.execute(text("SET LOCAL enable_seqscan = off"))  # else a small table is read whole
        plan = _explain(session, wanted, sort, None if is_first else place)
    assert "Seq Scan on jobs" not in plan
    assert "SCAN jobs" not in plan


def test_a_page_by_name_needs_no_sorting(ground: Ground) -> None:
    sort, place = SORTS["by name"]
    with ground.database.read() as session:
        if not ground.database.is_sqlite:
            session.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"))
        plan = _explain(session, JobFilter(), replace(sort, is_descending=True), place)
    assert "ix_jobs_project_name_id" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
