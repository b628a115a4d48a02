"""Jobs side by side: what their specs say differently, and what each reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distill_core.spec.difference import are_equal, flatten
from stillhouse.client.results import Job, Number


@dataclass(frozen=True, slots=True)
class Change:
    """A place at which specs differ.

    Attributes:
        pointer: JSON pointer to the place.
        values: what stands there, a value a spec; None where a spec has nothing.
    """

    pointer: str
    values: tuple[Any, ...]

    def as_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"pointer": self.pointer, "values": list(self.values)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several jobs side by side; every tuple of values has one for each job, in their order.

    Attributes:
        jobs: the jobs.
        baseline: id of the one that differences are taken to.
        changes: where their resolved specs differ.
        figures: what the evaluation measured of each; None where it did not.
        metrics: last values of the metrics.
        deltas: by how much a figure or metric is more than the baseline's; None for the baseline itself.
    """

    jobs: tuple[Job, ...]
    baseline: str | None
    changes: tuple[Change, ...]
    figures: Mapping[str, tuple[Number | None, ...]]
    metrics: Mapping[str, tuple[Number | None, ...]]
    deltas: Mapping[str, tuple[Number | None, ...]]

    def as_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "jobs": [{"id": job.id, "name": job.name, "state": job.state} for job in self.jobs],
            "baseline": self.baseline,
            "changes": [change.as_document() for change in self.changes],
            "figures": {key: list(values) for key, values in self.figures.items()},
            "metrics": {key: list(values) for key, values in self.metrics.items()},
            "deltas": {key: list(values) for key, values in self.deltas.items()},
        }


def read_comparison(found: Mapping[str, Any]) -> Comparison:
    """Return what the server says of several jobs."""
    jobs = tuple(Job.model_validate(job) for job in found["data"])

    def line_up(values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(values.get(job.id) for job in jobs)

    return Comparison(
        jobs,
        found["baseline"],
        tuple(Change(row["pointer"], line_up(row["values"])) for row in found["differs"]),
        {row["key"]: line_up(row["values"]) for row in found["figures"]},
        {row["key"]: line_up(row["values"]) for row in found["metrics"]},
        {row["key"]: line_up(row["deltas"]) for row in [*found["metrics"], *found["figures"]]},
    )


def find_changes(specs: Sequence[Any]) -> tuple[Change, ...]:
    """Return the places at which specs differ; a null says the same as nothing."""
    columns = [{pointer: value for pointer, value in flatten(spec) if value is not None} for spec in specs]
    rows = {pointer: tuple(column.get(pointer) for column in columns) for column in columns for pointer in column}
    return tuple(Change(pointer, values) for pointer, values in rows.items() if not are_equal(values))
