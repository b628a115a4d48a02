"""Everything that a job has measured, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Self

from stillhouse.client.errors import PartMissingError
from stillhouse.client.results import MetricRow, Number


@dataclass(frozen=True, slots=True)
class MetricTable:
    """Metrics by step; a metric that a step lacks is None there.

    Attributes:
        keys: the metrics, in the order of their first appearance.
        rows: a row a step, ascending.
    """

    keys: tuple[str, ...]
    rows: tuple[MetricRow, ...]

    @classmethod
    def of(cls, lines: Iterable[MetricRow]) -> Self:
        """Return the table of lines in the order in which the engine wrote them.

        A step back is an attempt that went on from a checkpoint: what it measures again takes the place of what was.
        """
        rows: list[MetricRow] = []
        for line in lines:
            while rows and rows[-1].step > line.step:
                rows.pop()
            if rows and rows[-1].step == line.step:
                line = line.model_copy(update={"values": rows.pop().values | line.values})  # noqa: PLW2901
            rows.append(line)
        return cls(tuple(dict.fromkeys(key for row in rows for key in row.values)), tuple(rows))

    def as_columns(self) -> dict[str, list[Any]]:
        """Return the columns: step, epoch, time, and each metric."""
        facts = {name: [getattr(row, name) for row in self.rows] for name in ("step", "epoch", "time")}
        return facts | {key: [as_number(row.values.get(key)) for row in self.rows] for key in self.keys}

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame with the step as its index.

        Raises:
            PartMissingError: pandas is not installed here.
        """
        return load_pandas().DataFrame(self.as_columns()).set_index("step")


def load_pandas() -> Any:
    """Import pandas, which only frames need.

    Raises:
        PartMissingError: it is not installed here.
    """
    try:
        return import_module("pandas")
    except ModuleNotFoundError as error:
        raise PartMissingError("a frame needs pandas, which is not installed here: pip install pandas") from error


def as_number(value: Number | None) -> float | None:
    """Return NaN and the infinities, which JSON says as text, as numbers again."""
    return None if value is None else float(value)
