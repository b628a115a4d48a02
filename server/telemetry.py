"""What operators measure: of this process as it goes, of the service by a look into the database at each scrape."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from server.jobs.census import Reading, count_jobs, list_gpus, list_silences
from server.jobs.database import Database
from server.jobs.tally import SEPARATOR, Spread, Tally, advance_tally
from server.stream import Streams

_REQUESTS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)

_log = structlog.get_logger()


class Telemetry:
    """The counters of one process and its view of the service."""

    def __init__(self, database: Database, streams: Streams) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "stillhouse_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._latency = Histogram(
            "stillhouse_http_request_seconds",
            "Time from a request to the end of its answer, streams left out.",
            ("method", "route"),
            buckets=_REQUESTS_S,
            registry=self.registry,
        )
        open_streams = Gauge("stillhouse_streams_open", "Event streams open in this process.", registry=self.registry)
        open_streams.set_function(lambda: streams.num_open)
        self.registry.register(_Census(database))
        self.registry.register(_Happenings(database))

    def note_request(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count an answered request."""
        self._requests.labels(method, route, str(status)).inc()
        if not route.endswith("/stream"):
            self._latency.labels(method, route).observe(duration_s)


class _Census(Collector):
    """Gauges of what stands in the database now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> list[Metric]:
        """Nothing is read before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Look once; a database that is away is told, not raised."""
        is_up = GaugeMetricFamily("stillhouse_database_up", "Whether the database answered this scrape.")
        try:
            with self._database.read() as session:
                readings = {
                    "jobs": count_jobs(session),
                    "heartbeat": list_silences(session),
                    "memory": list_gpus(session),
                }
        except SQLAlchemyError as error:
            _log.warning("the database did not answer a scrape", error=type(error).__name__)
            is_up.add_metric([], 0)
            yield is_up
            return
        is_up.add_metric([], 1)
        yield is_up
        yield _family("stillhouse_jobs", "Jobs by state.", ("pool", "state"), readings["jobs"])
        yield _family(
            "stillhouse_worker_last_heartbeat_seconds",
            "Seconds since a worker that has not stopped was heard of.",
            ("worker", "host", "pool"),
            readings["heartbeat"],
        )
        yield _family(
            "stillhouse_gpu_memory_bytes", "Memory of a GPU.", ("worker", "device", "name"), readings["memory"]
        )


class _Happenings(Collector):
    """Tells what has happened to jobs since the first scrape of any server process, from counts in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tally = Tally()

    def describe(self) -> list[Metric]:
        """Nothing is read before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Count what is new, then tell all; while the database is away, what was told last."""
        try:
            self._tally = advance_tally(self._database)
        except SQLAlchemyError as error:
            _log.warning("the events could not be read for a scrape", error=type(error).__name__)
        tally = self._tally
        yield _histogram("stillhouse_queue_wait_seconds", "Time in the queue.", ("pool",), tally.waits)
        words = "Time from a job's first start to its end."
        yield _histogram("stillhouse_job_duration_seconds", words, ("pool", "state"), tally.durations)
        lost = CounterMetricFamily("stillhouse_lease_lost", "Attempts whose worker was lost.", labels=("pool",))
        for pool, number in tally.losses.items():
            lost.add_metric((pool,), number)
        yield lost


def _histogram(name: str, words: str, labels: tuple[str, ...], spreads: dict[str, Spread]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, words, labels=labels)
    for key, spread in sorted(spreads.items()):
        family.add_metric(key.split(SEPARATOR), list(spread.buckets()), spread.total_s)
    return family


def _family(name: str, words: str, labels: tuple[str, ...], readings: list[Reading]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for values, number in readings:
        family.add_metric(values, number)
    return family
