from __future__ import annotations

from sqlalchemy import select

from server.jobs.ids import new_id
from server.jobs.lease import Claim
from server.jobs.record import add_blob
from server.jobs.retention import forget_old_checkpoints
from server.jobs.tables import Artifact, Blob, Checkpoint
from tests.server.jobs.ground import Ground

A, B, C, D = (letter * 64 for letter in "abcd")


def _save(ground: Ground, claim: Claim, step: int, digest: str) -> None:
    with ground.database.write() as session:
        add_blob(session, digest, 1)
        session.add(
            Checkpoint(
                id=new_id("ckpt"),
                job_id=claim.job_id,
                attempt=claim.attempt,
                stage="s",
                step=step,
                sha256=digest,
                token=claim.token,
                created_at=ground.job(claim.job_id).created_at,
            )
        )


def test_the_newest_checkpoints_stay_and_the_bytes_of_the_others_may_go(ground: Ground) -> None:
    claim, other = ground.start_job(), ground.start_job()
    for step, digest in enumerate((A, B, C, D), start=1):
        _save(ground, claim, step, digest)
    _save(ground, other, 1, A)
    with ground.database.write() as session:
        session.add(
            Artifact(
                id=new_id("art"),
                job_id=claim.job_id,
                attempt=1,
                kind="student",
                name="student.safetensors",
                sha256=C,
                token=claim.token,
                created_at=ground.job(claim.job_id).created_at,
            )
        )
    with ground.database.write() as session:
        assert forget_old_checkpoints(session, claim) == [B]  # A is another job's, too
    with ground.database.read() as session:
        mine = select(Checkpoint.step).where(Checkpoint.job_id == claim.job_id).order_by(Checkpoint.step)
        assert list(session.scalars(mine)) == [3, 4]
        assert set(session.scalars(select(Blob.sha256))) == {A, C, D}
    with ground.database.write() as session:
        assert forget_old_checkpoints(session, claim) == []
