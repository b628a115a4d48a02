"""The end of an upload: its bytes are looked at, and become a blob of the artifact store."""

from __future__ import annotations

from distill_core.spec import SpecError, parse_document, resolve
from server.jobs.archives import ArchiveError, check_archive
from server.jobs.tables import Upload
from server.jobs.uploads import complete_upload, remove_upload
from server.problems import UploadInvalidError, count_problems
from server.service import Service
from server.weights import WeightsFileError, check_weights


def receive(service: Service, upload: Upload) -> None:
    """Move a whole upload into the artifact store; one that is not what was announced is thrown away.

    Raises:
        UploadInvalidError: says what is wrong with it.
    """
    try:
        sha256 = _check(service, upload)
    except (WeightsFileError, ArchiveError, SpecError) as error:
        with service.database.write() as session:
            remove_upload(session, upload.id)
        service.spool.drop(upload.id)
        problems = error.problems if isinstance(error, SpecError) else ()
        reason = count_problems(problems, "spec") if problems else str(error)
        raise UploadInvalidError(f"{upload.id} was thrown away: {reason}", problems) from error
    service.artifacts.put_file(service.spool.path(upload.id))
    with service.database.write() as session:
        complete_upload(session, upload.id, sha256, upload.size)
    service.spool.drop(upload.id)


def _check(service: Service, upload: Upload) -> str:
    sha256 = service.spool.digest(upload.id)
    if upload.sha256 not in {None, sha256}:
        raise WeightsFileError(f"its sha256 is {sha256}; announced was {upload.sha256}")
    path = service.spool.path(upload.id)
    match upload.kind:
        case "weights":
            check_weights(path)
        case "dataset":
            check_archive(path)
        case "spec":
            resolve(parse_document(path.read_bytes()))
        case _:
            raise AssertionError(f"an upload of kind {upload.kind}")
    return sha256
