"""What the job transactions refuse.

JobError
├── UnknownJobError     no job has this id
├── UnknownWebhookError no webhook, or no delivery of it, has this id
├── UnknownUploadError  no upload has this id
├── UploadNeededError   jobs that are not over read the upload
├── UnknownViewError    the key keeps no view of this id
├── ViewRefusedError    the key cannot keep this view
├── UnknownSweepError   no sweep has this id
├── SweepRefusedError   no trial of the sweep can do what was asked
├── WebhookOffError     the webhook is switched off
├── MoveRefusedError    the job's state does not allow what was asked
├── NotExportableError  the job has no student to export
├── QuotaExceededError  the job's project has no room for it
└── LeaseLostError      the job belongs to another attempt now
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from distill_core.errors import StillhouseError
from server.jobs.states import State


class JobError(StillhouseError):
    """A job cannot do what was asked; `code` is stable and machine-readable."""

    code = "job_error"


class UnknownJobError(JobError):
    """No job has this id."""

    code = "job_unknown"

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"there is no job {job_id!r}")


class UnknownWebhookError(JobError):
    """No webhook, or no delivery of it, has this id."""

    code = "webhook_unknown"

    def __init__(self, what: str, identity: str) -> None:
        super().__init__(f"there is no {what} {identity!r}")


class UnknownUploadError(JobError):
    """No upload has this id."""

    code = "upload_unknown"

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"there is no upload {upload_id!r}")


class UploadNeededError(JobError):
    """Jobs that are not over read the upload."""

    code = "upload_needed"

    def __init__(self, upload_id: str, job_ids: Sequence[str], *, has_more: bool) -> None:
        self.job_ids = list(job_ids)
        more = ", and more" if has_more else ""
        super().__init__(f"{upload_id} is read by jobs that are not over: {', '.join(job_ids)}{more}")


class UnknownViewError(JobError):
    """The key keeps no view of this id."""

    code = "view_unknown"

    def __init__(self, view_id: str) -> None:
        super().__init__(f"there is no view {view_id!r}")


class ViewRefusedError(JobError):
    """The key cannot keep this view."""

    code = "view_refused"


class UnknownSweepError(JobError):
    """No sweep has the id."""

    code = "sweep_unknown"

    def __init__(self, sweep_id: str) -> None:
        super().__init__(f"there is no sweep {sweep_id!r}")


class SweepRefusedError(JobError):
    """No trial of the sweep can do what was asked."""

    code = "sweep_refused"

    def __init__(self, sweep_id: str, verb: str, states: Sequence[State]) -> None:
        told = ", ".join(f"{count} {state}" for state, count in Counter(states).items()) or "none is left"
        super().__init__(f"no trial of {sweep_id} can {verb}: {told}")


class WebhookOffError(JobError):
    """The webhook is switched off: nothing is sent to it."""

    code = "webhook_off"

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"{webhook_id} is switched off: PATCH it with is_enabled true first")


class MoveRefusedError(JobError):
    """The job's state does not allow what was asked."""

    code = "move_refused"

    def __init__(self, job_id: str, verb: str, state: State, allowed: Sequence[str]) -> None:
        self.job_id, self.verb, self.state, self.allowed = job_id, verb, state, tuple(allowed)
        choices = f"; allowed now: {', '.join(allowed)}" if allowed else ""
        super().__init__(f"{job_id} is {state}: it cannot {verb}{choices}")


class NotExportableError(JobError):
    """The job has no student to export."""

    code = "not_exportable"

    def __init__(self, job_id: str, state: State, *, is_export: bool) -> None:
        why = "is an export itself" if is_export else f"is {state} and has no student"
        super().__init__(f"{job_id} {why}: only the student of a job that has succeeded can be exported")


class QuotaExceededError(JobError):
    """The job's project has no room for it."""

    code = "quota_exceeded"

    def __init__(self, project: str, limit: str, value: int, found: str) -> None:
        self.project, self.limit, self.value = project, limit, value
        super().__init__(f"the project {project!r} has the limit {limit} = {value}, and {found}")


class LeaseLostError(JobError):
    """The job belongs to another attempt now: its worker kills its own processes and leaves."""

    code = "lease_lost"

    def __init__(self, job_id: str, token: int) -> None:
        self.job_id, self.token = job_id, token
        super().__init__(f"{job_id} is no longer held under token {token}")
