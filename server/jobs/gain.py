"""What distillation gained: a job and its peers against its controls, and how sure one can be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from pydantic import ValidationError
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from distill_core.spec.data import StreamSpec
from distill_core.spec.interval import find_gain_interval, find_mean_interval
from server.jobs.listing import read_last_values
from server.jobs.sizes import count_samples
from server.jobs.states import State
from server.jobs.tables import Job, JobSpec

Basis = Literal["seeds", "samples"]
Verdict = Literal["gain", "loss", "no_evidence"]

_MOST_ALIKE = 1000
"""Newest jobs of one key that are looked at."""

_SHARES = ("accuracy", "agreement")
_BETTER_LOW = ("nll", "loss", "ece", "params", "size_bytes", "flops", "latency_ms", "latency_p90_ms", "lr")


@dataclass(frozen=True, slots=True)
class Measured:
    """A job and what was measured of it."""

    job_id: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Gain:
    """What a job gained over its controls.

    Attributes:
        value: the job's own; None where it has not measured the metric.
        controls: the same training without a teacher; of runs of one spec the newest.
        peers: the job's own spec under other seeds, likewise.
        gain: mean of the job and its peers, less that of the controls.
        interval: where the gain lies, 95 %; None where nothing tells.
        basis: what the interval was told from.
        verdict: what it means, which way round the metric is better.
        reason: the same in words.
    """

    value: float | None
    controls: tuple[Measured, ...] = ()
    peers: tuple[Measured, ...] = ()
    gain: float | None = None
    interval: tuple[float, float] | None = None
    basis: Basis | None = None
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def control_mean(self) -> float | None:
        """The mean over the controls."""
        return fmean(control.value for control in self.controls) if self.controls else None


def is_better_low(metric: str) -> bool:
    """Return whether less of a metric is better: losses, errors and costs."""
    return metric.rpartition("/")[2] in _BETTER_LOW or metric.endswith("loss")


def find_gain(session: Session, job: Job, metric: str) -> Gain:
    """Return what a job gained over its controls."""
    return find_gains(session, [job], metric)[job.id]


def find_gains(session: Session, jobs: Sequence[Job], metric: str) -> dict[str, Gain]:
    """Return what each of the jobs, all of one project, gained over its controls."""
    alike = _find_alike(session, jobs)
    everybody = {each.id: each for group in alike.values() for each in group} | {job.id: job for job in jobs}
    values = read_values(session, list(everybody.values()), metric)
    counts = _count_tested(session, jobs) if metric.rpartition("/")[2] in _SHARES else {}
    return {job.id: _compare(job, alike[job.control_key], values, metric, counts.get(job.id)) for job in jobs}


def read_values(session: Session, jobs: Sequence[Job], metric: str) -> dict[str, float]:
    """Return the finite values of a metric: what the evaluation measured, else what was measured last."""
    found = {job.id: float(value) for job in jobs if isinstance(value := (job.figures or {}).get(metric), int | float)}
    others = [job.id for job in jobs if job.id not in found]
    for job_id, rows in read_last_values(session, others, [metric]).items():
        last = rows[metric].last if metric in rows else None
        if last is not None:
            found[job_id] = last
    return found


def _find_alike(session: Session, jobs: Sequence[Job]) -> dict[str | None, list[Job]]:
    """Return the controls and peers of the jobs that succeeded, by control key, the newest first."""
    keys = {job.control_key for job in jobs} - {None}
    alike: dict[str | None, list[Job]] = defaultdict(list)
    if not keys:
        return alike
    wanted = (Job.project == jobs[0].project, Job.control_key.in_(keys), Job.state == State.SUCCEEDED)
    is_peer = Job.peer_key.in_({job.peer_key for job in jobs})
    query = select(Job).where(*wanted, Job.deleted_at.is_(None), or_(is_peer, _has_no_teacher(session)))
    query = query.order_by(Job.id.desc())
    for job in session.scalars(query.limit(_MOST_ALIKE)):
        alike[job.control_key].append(job)
    return alike


def _has_no_teacher(session: Session) -> ColumnElement[bool]:
    if session.get_bind().dialect.name == "sqlite":
        return func.json_array_length(Job.summary, "$.teachers") == 0
    return func.jsonb_array_length(Job.summary["teachers"]) == 0


def _compare(job: Job, alike: Iterable[Job], values: Mapping[str, float], metric: str, count: int | None) -> Gain:
    """Return the gain of a job over those of `alike` that have no teacher."""
    value = values.get(job.id)
    if not job.summary.get("teachers"):
        return Gain(value, reason="the job has no teacher: it is itself a control")
    if job.control_key is None:
        return Gain(value, reason="the job is older than the search for controls; submit it again to compare it")
    others = [each for each in alike if each.spec_sha256 != job.spec_sha256]
    controls = _measure((each for each in others if not each.summary.get("teachers")), values)
    peers = _measure((each for each in others if each.peer_key == job.peer_key), values)
    if value is None:
        return Gain(None, controls, peers, reason=f"the job has not measured {metric}")
    if not controls:
        missing = "no job of the project trains this student on this data for as long without a teacher, and has ended"
        return Gain(value, (), peers, reason=f"there is no control: {missing} with a value of {metric}")
    return _judge(value, controls, peers, metric, count)


def _measure(jobs: Iterable[Job], values: Mapping[str, float]) -> tuple[Measured, ...]:
    """Return the jobs that have a value; a spec that ran twice is one sample, not two."""
    by_spec: dict[str, Measured] = {}
    for job in jobs:
        if job.id in values:
            by_spec.setdefault(job.spec_sha256, Measured(job.id, job.name, values[job.id]))
    return tuple(by_spec.values())


def _judge(
    value: float, controls: tuple[Measured, ...], peers: tuple[Measured, ...], metric: str, count: int | None
) -> Gain:
    """Return the gain with its interval and what that means."""
    own = [value, *(peer.value for peer in peers)]
    control = [each.value for each in controls]
    interval, basis, reason = _find_interval(own, control, count)
    verdict = None if interval is None else _read_verdict(interval, is_low=is_better_low(metric))
    return Gain(value, controls, peers, fmean(own) - fmean(control), interval, basis, verdict, reason)


def _find_interval(
    own: Sequence[float], control: Sequence[float], count: int | None
) -> tuple[tuple[float, float] | None, Basis | None, str]:
    """Return the interval of the gain, what it was told from, and that in words."""
    runs = f"{_count_runs(len(own))} against {_count_runs(len(control))} without a teacher"
    if min(len(own), len(control)) > 1 and (interval := find_mean_interval(own, control)):
        return interval, "seeds", f"{runs}: Welch's t interval, 95 %"
    shares = (fmean(own), fmean(control))
    if count and all(0 <= share <= 1 for share in shares):
        interval = find_gain_interval(*shares, count)
        return interval, "samples", f"{runs}, each on {count} test samples: interval of a difference of shares, 95 %"
    return None, None, f"{runs}: that tells no spread; run both under two or more seeds"


def _count_runs(count: int) -> str:
    return f"{count} run{'s' if count != 1 else ''}"


def _read_verdict(interval: tuple[float, float], *, is_low: bool) -> Verdict:
    low, high = interval
    if low <= 0 <= high:
        return "no_evidence"
    return "gain" if (low > 0) is not is_low else "loss"


def _count_tested(session: Session, jobs: Sequence[Job]) -> dict[str, int]:
    """Return how many samples each of the jobs is tested on, where that can be told without the files."""
    query = select(JobSpec.job_id, JobSpec.resolved["evaluation"], JobSpec.resolved["data"])
    counts: dict[str, int] = {}
    for job_id, evaluation, data in session.execute(query.where(JobSpec.job_id.in_([job.id for job in jobs]))):
        stream = (data or {}).get((evaluation or {}).get("stream"))
        if (count := _count_stream(stream)) is not None:
            counts[job_id] = count
    return counts


def _count_stream(stream: object) -> int | None:
    """Return the size of a stored stream; None where its data set is no longer known."""
    try:
        return count_samples(StreamSpec.model_validate(stream))
    except (ValidationError, KeyError):
        return None
