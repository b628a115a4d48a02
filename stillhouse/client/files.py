"""Files: what jobs made, brought here; weights, data sets and specs, brought to the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stillhouse.client.download import ReportProgress, download_artifact
from stillhouse.client.errors import NotFoundError
from stillhouse.client.records import RecordCalls
from stillhouse.client.results import Artifact, Upload
from stillhouse.client.student import find_loader
from stillhouse.client.upload import upload_file


class FileCalls(RecordCalls):
    """Calls about files."""

    def artifacts(self, job_id: str) -> list[Artifact]:
        """Return the files that a job made."""
        return [Artifact.model_validate(entry) for entry in self._transport.get(f"/v1/jobs/{job_id}/artifacts")["data"]]

    def artifact(self, artifact_id: str) -> Artifact:
        """Return what is known of one file."""
        return Artifact.model_validate(self._transport.get(f"/v1/artifacts/{artifact_id}"))

    def download(
        self,
        artifact: Artifact | str,
        target: Path | None = None,
        *,
        report: ReportProgress | None = None,
    ) -> Path:
        """Download a file, checked by its sha256, and return its path; a download that was cut goes on.

        Args:
            artifact: the artifact, or its id.
            target: file, or folder for a file of the artifact's name; the current folder if left out.
            report: called with the bytes that are here and the bytes in all.

        Raises:
            DamagedDownloadError: the bytes that arrived are not the artifact's.
        """
        wanted = self.artifact(artifact) if isinstance(artifact, str) else artifact
        place = target or Path()
        return download_artifact(self._transport, wanted, place / wanted.name if place.is_dir() else place, report)

    def upload(self, path: Path, kind: str = "weights", *, report: ReportProgress | None = None) -> Upload:
        """Upload a file; one that was cut goes on, and one of the same content that is there already is not sent again.

        Args:
            path: the file.
            kind: what it holds: weights (safetensors), which a spec takes as `weights: {upload: upl_…}`; dataset (zip
                or tar), which a stream takes as `upload: upl_…`; spec (YAML or JSON), which `submit` takes.
            report: called with the bytes that are there and the bytes in all.

        Raises:
            InvalidRequestError: the server does not take the file.
        """
        return upload_file(self._transport, path, kind, report)

    def uploads(self) -> Iterator[Upload]:
        """Yield the uploads, the newest first."""
        yield from map(Upload.model_validate, self._pages("/v1/uploads", {}))

    def find_upload(self, upload_id: str) -> Upload:
        """Return how far an upload has come."""
        return Upload.model_validate(self._transport.get(f"/v1/uploads/{upload_id}"))

    def remove_upload(self, upload_id: str) -> None:
        """Remove an upload.

        Raises:
            ConflictError: jobs that are not over read it.
        """
        self._transport.send("DELETE", f"/v1/uploads/{upload_id}")

    def download_student(
        self, job_id: str, target: Path | None = None, *, report: ReportProgress | None = None
    ) -> Path:
        """Download the weights of the trained student of a job."""
        return self.download(self.find_artifact(job_id, "student"), target, report=report)

    def load_student(self, job_id: str, folder: Path | None = None) -> Any:
        """Return the trained student of a job as a torch module, in eval mode on the CPU.

        Args:
            job_id: the job.
            folder: where its weights stay, checked by their sha256; a temporary folder if left out.

        Raises:
            PartMissingError: the engine is not installed here.
            NotFoundError: the job has no student yet.
            DamagedDownloadError: the bytes that arrived are not the artifact's.
        """
        load = find_loader()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="stillhouse-") as scratch:
            return load(self.download_student(job_id, folder or Path(scratch)))

    def find_artifact(self, job_id: str, kind: str) -> Artifact:
        """Return a job's artifact of a kind, the last one made.

        Raises:
            NotFoundError: the job has none; the message names the kinds that it has.
        """
        artifacts = self.artifacts(job_id)
        fitting = [artifact for artifact in artifacts if artifact.kind == kind]
        if not fitting:
            kinds = ", ".join(sorted({artifact.kind for artifact in artifacts})) or "none at all"
            raise NotFoundError(404, {"title": f"job {job_id} has no artifact of kind {kind!r}; it has {kinds}"})
        return fitting[-1]
