"""Exports: jobs that write the student of a finished job in forms that run without Stillhouse.

An export is a job with a spec of its own, that of the finished job with other outputs and on one device, so it waits,
runs, fails and is tried again as any other. What it makes becomes an artifact of the finished job; lists leave it out.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from distill_core.spec import ResolvedSpec, resolve
from distill_core.spec.outputs import ExportFormat
from server.jobs.database import change_rows, lock
from server.jobs.errors import NotExportableError
from server.jobs.inputs import find_students
from server.jobs.queries import find_job, read_spec
from server.jobs.states import State
from server.jobs.submit import digest_spec, submit_job
from server.jobs.tables import Artifact, Job, JobSpec

SUFFIXES: dict[ExportFormat, str] = {"onnx": ".onnx", "torch_export": ".pt2"}
_LONGEST_PLACE = 80


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants of a student.

    Attributes:
        format: the form.
        until: place of the student where it ends; None for the whole.
        opset: version of ONNX's operator set; None for the exporter's own.
    """

    format: ExportFormat
    until: str | None = None
    opset: int | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """An export as it stands.

    Attributes:
        job: the job that makes it.
        wanted: what was asked for.
        artifact_id: what it made, once it is there.
    """

    job: Job
    wanted: Wanted
    artifact_id: str | None


def add_export(session: Session, source_id: str, wanted: Wanted, actor: str) -> tuple[Export, bool]:
    """Put an export of a finished job's student into the queue, or find the one that was asked for before.

    Returns:
        The export, and whether it was there before.

    Raises:
        UnknownJobError: there is no such job.
        NotExportableError: the job has no student.
        SpecError: its student has no such place, or the form no such operator set.
    """
    source = find_job(session, source_id)
    if source.export_of is not None or not find_students(session, [source_id]):
        raise NotExportableError(source_id, State(source.state), is_export=source.export_of is not None)
    spec = read_spec(session, source_id)
    resolved = _with_outputs(spec.resolved, wanted)
    lock(session, f"exports.{source_id}")
    same = (Job.export_of == source_id, Job.spec_sha256 == digest_spec(resolved.as_document()))
    known = session.scalar(select(Job).where(*same, Job.deleted_at.is_(None)).order_by(Job.id.desc()).limit(1))
    if known is not None:
        return Export(known, wanted, _find_made(session, source, wanted)), True
    job = submit_job(
        session,
        document=spec.document,
        resolved=resolved,
        name=f"{wanted.format} of {source.name}"[:255],
        project=source.project,
        actor=actor,
        created_by=actor,
        export_of=source_id,
    )
    return Export(job, wanted, None), False


def list_exports(session: Session, source_id: str) -> list[Export]:
    """Return the exports of a job, the oldest first."""
    source = find_job(session, source_id)
    query = select(Job, JobSpec.resolved).join(JobSpec, JobSpec.job_id == Job.id)
    rows = session.execute(query.where(Job.export_of == source_id, Job.deleted_at.is_(None)).order_by(Job.id)).all()
    found = [(job, read_wanted(resolved)) for job, resolved in rows]
    return [Export(job, wanted, _find_made(session, source, wanted)) for job, wanted in found]


def read_wanted(resolved: dict[str, Any]) -> Wanted:
    """Return what the resolved spec of an export asks for."""
    outputs = resolved["outputs"]
    return Wanted(outputs["exports"][0], outputs.get("until"), outputs.get("opset"))


def name_export(wanted: Wanted) -> str:
    """Return the name of what an export makes: no two of one job have the same."""
    parts = ["student-export"]
    if wanted.until is not None:
        parts.append(f"until-{_speak(wanted.until)}")
    if wanted.opset is not None:
        parts.append(f"opset{wanted.opset}")
    return "-".join(parts) + SUFFIXES[wanted.format]


def _speak(place: str) -> str:
    """Return a place as part of a file's name; one that cannot be said there has its hash behind it."""
    name = re.sub(r"[^A-Za-z0-9._]", "_", place)[:_LONGEST_PLACE]
    return name if name == place else f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def make_room(session: Session, source: Job, name: str) -> None:
    """Forget an earlier export of the same name, whose own job was deleted; its bytes are collected."""
    same = (Artifact.job_id == source.id, Artifact.attempt == source.attempt, Artifact.name == name)
    change_rows(session, delete(Artifact).where(*same))


def _find_made(session: Session, source: Job, wanted: Wanted) -> str | None:
    made = (Artifact.job_id == source.id, Artifact.kind == wanted.format, Artifact.name == name_export(wanted))
    return session.scalar(select(Artifact.id).where(*made).order_by(Artifact.id.desc()).limit(1))


def _with_outputs(resolved: dict[str, Any], wanted: Wanted) -> ResolvedSpec:
    """Return a spec with the outputs of an export, on one device of one host."""
    outputs = {name: value for name, value in resolved["outputs"].items() if name == "parity_tolerance"}
    outputs |= {"exports": [wanted.format], "curves": [], "card": False}
    outputs |= {} if wanted.until is None else {"until": wanted.until}
    outputs |= {} if wanted.opset is None else {"opset": wanted.opset}
    return resolve(resolved | {"outputs": outputs, "runtime": resolved["runtime"] | {"devices": 1, "nodes": 1}})
