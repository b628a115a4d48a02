"""What operators measure: of this process as it goes, of the service by a look into the database at each scrape."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from server.jobs.census import Reading, count_jobs, list_gpus, list_silences, read_happenings
from server.jobs.database import Database
from server.jobs.webhooks import last_event
from server.stream import Streams

_WAITS_S = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)
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
    """Counts what has happened to jobs since this process started, from the events."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cursor: int | None = None
        self._alone = threading.Lock()
        self._waits = Histogram(
            "stillhouse_queue_wait_seconds", "Time in the queue.", ("pool",), buckets=_WAITS_S, registry=None
        )
        self._durations = Histogram(
            "stillhouse_job_duration_seconds",
            "Time from a job's first start to its end.",
            ("pool", "state"),
            buckets=_WAITS_S,
            registry=None,
        )
        self._lost = Counter("stillhouse_lease_lost", "Attempts whose worker was lost.", ("pool",), registry=None)

    def describe(self) -> list[Metric]:
        """Nothing is read before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read what is new, then tell all."""
        with self._alone:
            try:
                self._read()
            except SQLAlchemyError as error:
                _log.warning("the events could not be read for a scrape", error=type(error).__name__)
        for metric in (self._waits, self._durations, self._lost):
            yield from metric.collect()

    def _read(self) -> None:
        with self._database.read() as session:
            if self._cursor is None:
                self._cursor = last_event(session)
            happenings = read_happenings(session, self._cursor)
        self._cursor = happenings.cursor
        for pool, wait_s in happenings.waits:
            self._waits.labels(pool).observe(wait_s)
        for pool, state, duration_s in happenings.durations:
            self._durations.labels(pool, state).observe(duration_s)
        for pool in happenings.losses:
            self._lost.labels(pool).inc()


def _family(name: str, words: str, labels: tuple[str, ...], readings: list[Reading]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for values, number in readings:
        family.add_metric(values, number)
    return family
