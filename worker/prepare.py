"""Before an engine starts: its folder, its spec, the artifacts it reads and the checkpoint it goes on from."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import structlog

from server.artifacts import ArtifactCorruptError, ArtifactMissingError, ArtifactStore
from server.jobs.archives import ArchiveError
from server.jobs.database import Database
from server.jobs.inputs import (
    find_checkpoints,
    find_digests,
    find_students,
    named_artifacts,
    named_datasets,
    named_jobs,
    note_resume,
    warn,
)
from server.jobs.lease import Claim
from server.jobs.members import find_resumed
from server.settings import Settings
from worker.datasets import provide_dataset
from worker.engine import Order
from worker.host import Host
from worker.meeting import Meeting
from worker.processes import Mark

_log = structlog.get_logger()


class InputMissingError(Exception):
    """An artifact that the spec names is not to be had."""


def make_mark(host: Host, claim: Claim) -> Mark:
    """Return the mark of every process of an attempt on this host."""
    return Mark(host.identity.installation, claim.job_id, claim.attempt, claim.token)


def attempt_folder(settings: Settings, claim: Claim) -> Path:
    """Return the folder of an attempt on this host."""
    return settings.home_folder / "attempts" / claim.job_id / f"{claim.attempt:03d}"


def prepare(database: Database, store: ArtifactStore, settings: Settings, host: Host, claim: Claim) -> Order:
    """Lay out the folder of an attempt, with the furthest checkpoint that verifies.

    Raises:
        InputMissingError: an artifact that the spec names is missing or damaged.
        LeaseLostError: the job belongs to another attempt now.
    """
    order = _lay_out(database, store, settings, host, claim)
    return replace(order, resume=_fetch_checkpoint(database, store, claim, order.folder / "resume"))


def prepare_node(
    database: Database, store: ArtifactStore, settings: Settings, host: Host, claim: Claim, meeting: Meeting
) -> Order:
    """Lay out the folder of an attempt on a further node, with the checkpoint that node 0 goes on from.

    Raises:
        InputMissingError: an artifact that the spec names, or that checkpoint, is missing or damaged.
    """
    order = _lay_out(database, store, settings, host, claim)
    with database.read() as session:
        checkpoint = find_resumed(session, claim)
    if checkpoint is None:
        return replace(order, meeting=meeting)
    resume = order.folder / "resume" / f"step-{checkpoint.step:08d}.pt"
    resume.parent.mkdir(mode=0o700)
    try:
        store.fetch(checkpoint.sha256, resume)
    except (ArtifactMissingError, ArtifactCorruptError) as error:
        raise InputMissingError(
            f"the checkpoint {checkpoint.id} cannot be used on node {claim.node}: {error}"
        ) from error
    return replace(order, resume=resume, meeting=meeting)


def _lay_out(database: Database, store: ArtifactStore, settings: Settings, host: Host, claim: Claim) -> Order:
    """Make the folder of an attempt, with its spec and the artifacts that it reads."""
    folder = attempt_folder(settings, claim)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    order = Order(folder, make_mark(host, claim), ",".join(host.visible[slot] for slot in claim.slots))
    order.log.touch(mode=0o600)
    order.spec.write_text(json.dumps(claim.resolved), "utf-8")
    inputs = _provide_datasets(database, store, settings.home_folder / "datasets", claim)
    if claim.export_of is not None:
        order = replace(order, student=_fetch_student(database, store, claim.export_of, folder / "inputs"))
    else:
        inputs |= _fetch_artifacts(database, store, claim, folder / "inputs")
    order.inputs.write_text(json.dumps(inputs), "utf-8")
    return order


def _provide_datasets(database: Database, store: ArtifactStore, root: Path, claim: Claim) -> dict[str, dict[str, str]]:
    """Fetch and unpack the uploads that the spec reads samples from; return them as the engine's inputs."""
    names = named_datasets(claim.resolved)
    if not names:
        return {}
    with database.read() as session:
        digests = find_digests(session, names)
    inputs = {}
    for name in sorted(names):
        if name not in digests:
            raise InputMissingError(f"the spec reads samples from {name}, but there is no such upload")
        try:
            folder = provide_dataset(store, root, digests[name])
        except (ArtifactMissingError, ArtifactCorruptError, ArchiveError) as error:
            raise InputMissingError(f"the spec reads samples from {name}, but {error}") from error
        inputs[name] = {"path": str(folder), "sha256": digests[name]}
    return inputs


def _fetch_student(database: Database, store: ArtifactStore, job_id: str, folder: Path) -> Path:
    """Fetch the student of the job that is exported."""
    with database.read() as session:
        student = find_students(session, [job_id]).get(job_id)
    if student is None:
        raise InputMissingError(f"there is no student of {job_id} to export")
    folder.mkdir(mode=0o700)
    try:
        store.fetch(student.sha256, folder / student.name)
    except (ArtifactMissingError, ArtifactCorruptError) as error:
        raise InputMissingError(f"the student of {job_id} cannot be exported: {error}") from error
    return folder / student.name


def _fetch_artifacts(database: Database, store: ArtifactStore, claim: Claim, folder: Path) -> dict[str, dict[str, str]]:
    """Fetch what the spec's models take their weights from; return the engine's table of inputs."""
    artifact_ids, job_ids = named_artifacts(claim.resolved), named_jobs(claim.resolved)
    with database.read() as session:
        students = find_students(session, job_ids)
        digests = find_digests(session, artifact_ids) | {job_id: row.sha256 for job_id, row in students.items()}
    folder.mkdir(mode=0o700)
    inputs = {}
    for name in sorted(artifact_ids | job_ids):
        if name not in digests:
            what = "no such artifact" if name in artifact_ids else "no student of this job"
            raise InputMissingError(f"the spec takes weights from {name}, but there is {what}")
        path = folder / f"{name}.safetensors"
        try:
            store.fetch(digests[name], path)
        except (ArtifactMissingError, ArtifactCorruptError) as error:
            raise InputMissingError(f"the spec takes weights from {name}, but {error}") from error
        inputs[name] = {"path": str(path), "sha256": digests[name]}
    return inputs


def _fetch_checkpoint(database: Database, store: ArtifactStore, claim: Claim, folder: Path) -> Path | None:
    """Fetch the furthest checkpoint whose bytes verify, None where the run starts from the beginning."""
    with database.read() as session:
        checkpoints = find_checkpoints(session, claim.job_id)
    folder.mkdir(mode=0o700)
    for checkpoint in checkpoints:
        path = folder / f"step-{checkpoint.step:08d}.pt"
        try:
            store.fetch(checkpoint.sha256, path)
        except (ArtifactMissingError, ArtifactCorruptError) as error:
            _log.warning("a checkpoint cannot be used", checkpoint=checkpoint.id, error=str(error))
            with database.write() as session:
                warn(session, claim, "checkpoint_unusable", f"{checkpoint.id} cannot be used: {error}")
            continue
        with database.write() as session:
            note_resume(session, claim, checkpoint)
        return path
    return None
