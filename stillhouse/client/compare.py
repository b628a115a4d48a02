"""Jobs side by side: what their specs say differently, and what each reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhouse.client.results import Job, Number

ABSENT = None
"""Stands for what one of the specs does not have; specs say null for the same."""


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
    """Return the places at which specs differ; what only some have is told as a whole."""
    return tuple(_find(specs, ""))


def _find(values: Sequence[Any], pointer: str) -> Iterator[Change]:
    if all(value == values[0] and type(value) is type(values[0]) for value in values):
        return
    if all(isinstance(value, dict) for value in values):
        for key in dict.fromkeys(key for value in values for key in value):
            step = str(key).replace("~", "~0").replace("/", "~1")
            yield from _find([value.get(key, ABSENT) for value in values], f"{pointer}/{step}")
    elif all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        for index in range(len(values[0])):
            yield from _find([value[index] for value in values], f"{pointer}/{index}")
    else:
        yield Change(pointer, tuple(values))
