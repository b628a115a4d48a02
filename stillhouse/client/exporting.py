"""Exports: the student of a finished job in forms that run without Stillhouse."""

from __future__ import annotations

from datetime import datetime

from stillhouse.client.records import RecordCalls
from stillhouse.client.results import TERMINAL_STATES, Result


class Export(Result):
    """An export of a job's student: a job of its own (`id`), whose result is an artifact of the finished one."""

    id: str
    job_id: str
    format: str
    until: str | None = None
    opset: int | None = None
    state: str
    status_reason: str | None = None
    status_message: str | None = None
    artifact_id: str | None = None
    created_at: datetime
    finished_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return self.state in TERMINAL_STATES


class ExportCalls(RecordCalls):
    """Calls about exports."""

    def export(
        self,
        job_id: str,
        format: str,  # noqa: A002  the API's own word
        *,
        until: str | None = None,
        opset: int | None = None,
    ) -> Export:
        """Ask for the student of a job that has succeeded in another form; asking again gives the same export.

        A worker makes it: `wait` with the export's `id` returns once it is done, and `exports` tells its artifact.

        Args:
            job_id: the job.
            format: onnx, or torch_export (a program of torch.export).
            until: feature point or module path of the student at which it ends; the whole student if left out.
            opset: version of ONNX's operator set; the exporter's own if left out.

        Raises:
            ConflictError: the job has no student.
            InvalidRequestError: there is no such form, place or operator set.
        """
        options = {"until": until, "opset": opset}
        body = {"format": format} | {name: value for name, value in options.items() if value is not None}
        return Export.model_validate(self._transport.send("POST", f"/v1/jobs/{job_id}/exports", json=body).json())

    def exports(self, job_id: str) -> list[Export]:
        """Return the exports of a job that were asked for, the oldest first."""
        return [Export.model_validate(entry) for entry in self._transport.get(f"/v1/jobs/{job_id}/exports")["data"]]
