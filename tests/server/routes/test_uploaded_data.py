from __future__ import annotations

import io
import json
import tarfile
import zipfile
from typing import Any

import pytest
from sqlalchemy import select

from server.jobs.purge import purge_deleted
from server.jobs.tables import JobUpload
from server.jobs.verbs import cancel_job
from server.routes.examples import SPEC
from tests.server.house import House, sign
from tests.server.jobs.ground import experiment
from tests.server.routes.test_uploads import DATA as WEIGHTS
from tests.server.routes.test_uploads import announce, send, spec_with, spooled


def zip_of(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


IMAGES = zip_of({"train/cats/1.png": b"a cat", "train/dogs/1.png": b"a dog"})


def upload(house: House, kind: str, data: bytes, name: str = "a file") -> Any:
    return send(house, announce(house, kind=kind, name=name, size=len(data)), 0, data)


def reading(upload_id: str) -> dict[str, Any]:
    """Return a spec that reads its samples from an upload."""
    document = experiment()
    params = {"num_classes": 2}
    views = {
        "main": {
            "transforms": [
                {"transform": "resize", "size": 8},
                {"transform": "normalize", "mean": [0.5] * 3, "std": [0.5] * 3},
            ]
        }
    }
    document["data"] = {"train": {"dataset": "image_folder", "params": params, "upload": upload_id, "views": views}}
    return document


def test_a_job_reads_its_samples_from_a_whole_archive_alone(house: House) -> None:
    opened = announce(house, kind="dataset", name="pets.zip", size=len(IMAGES))
    send(house, opened, 0, IMAGES[:50])
    refused = house.client.post("/v1/jobs", json={"spec": reading(opened["id"])})
    assert refused.status_code == 422, refused.text
    assert [entry["pointer"] for entry in refused.json()["errors"]] == ["/data/train/upload"]
    assert send(house, opened, 50, IMAGES[50:]).json()["state"] == "complete"
    created = house.client.post("/v1/jobs", json={"spec": reading(opened["id"])})
    assert created.status_code == 201, created.text
    resolved = house.client.get(f"/v1/jobs/{created.json()['id']}").json()["resolved_spec"]
    assert resolved["data"]["train"]["upload"] == opened["id"]


def test_weights_are_no_data_set_and_an_archive_is_no_weights(house: House) -> None:
    weights, images = upload(house, "weights", WEIGHTS).json()["id"], upload(house, "dataset", IMAGES).json()["id"]
    for spec, pointer in (
        (reading(weights), "/data/train/upload"),
        (spec_with(images), "/models/student/weights/upload"),
    ):
        refused = house.client.post("/v1/jobs", json={"spec": spec})
        assert refused.status_code == 422
        assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [(pointer, "artifact_kind")]


def test_an_upload_of_another_project_is_not_there(house: House) -> None:
    images = upload(house, "dataset", IMAGES).json()["id"]
    foreign = sign(house.service, project="elsewhere")
    refused = house.client.post("/v1/jobs", json={"spec": reading(images)}, headers=foreign)
    assert refused.status_code in {403, 422}


def link() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo("train/cats/1.png")
        info.type = tarfile.SYMTYPE
        archive.addfile(info)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (zip_of({"../../up.png": b"x"}), "no plain relative path"),
        (zip_of({"/etc/cron.d/x": b"x"}), "no plain relative path"),
        (link(), "a link or a device"),
        (zip_of({}), "no file"),
        (b"PK\x03\x04 and then nothing", "no whole zip"),
        (b"\x80\x04\x95 a pickle" * 100, "no whole zip or tar"),
        (IMAGES[:-30], "no whole zip"),
    ],
)
def test_an_archive_that_cannot_be_trusted_is_thrown_away(local_house: House, data: bytes, told: str) -> None:
    refused = upload(local_house, "dataset", data)
    assert (refused.status_code, refused.json()["code"]) == (422, "upload_invalid")
    assert told in refused.json()["detail"]
    assert local_house.client.get("/v1/uploads").json()["data"] == []
    assert spooled(local_house) == []


def test_a_bomb_is_thrown_away(local_house: House) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/a/1.png", bytes(80 << 20))
    refused = upload(local_house, "dataset", file.getvalue())
    assert (refused.status_code, "bytes come out" in refused.json()["detail"]) == (422, True)


def test_an_upload_that_jobs_wait_to_read_stays_until_they_are_over(house: House) -> None:
    images, weights = upload(house, "dataset", IMAGES).json()["id"], upload(house, "weights", WEIGHTS).json()["id"]
    jobs = [
        house.client.post("/v1/jobs", json={"spec": spec}).json()["id"]
        for spec in (reading(images), spec_with(weights))
    ]
    for upload_id, job_id in zip((images, weights), jobs, strict=True):
        refused = house.client.delete(f"/v1/uploads/{upload_id}")
        assert (refused.status_code, refused.json()["code"]) == (409, "upload_needed")
        assert refused.json()["job_ids"] == [job_id]
        with house.service.database.write() as session:
            cancel_job(session, job_id, "user")
        assert house.client.delete(f"/v1/uploads/{upload_id}").status_code == 204
        assert house.client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert purge_deleted(house.service.database, -1, 10) == 2
    with house.service.database.read() as session:
        assert session.scalars(select(JobUpload)).all() == []


def test_a_job_is_submitted_by_an_uploaded_spec(house: House) -> None:
    spec = upload(house, "spec", json.dumps(SPEC).encode()).json()
    assert spec["state"] == "complete"
    created = house.client.post("/v1/jobs", json={"upload": spec["id"], "name": "from a file"})
    assert created.status_code == 201, created.text
    job = house.client.get(f"/v1/jobs/{created.json()['id']}").json()
    assert (job["spec"], job["name"]) == (SPEC, "from a file")
    assert house.client.post("/v1/jobs?dry_run=true", json={"upload": spec["id"]}).status_code == 200
    assert house.client.delete(f"/v1/uploads/{spec['id']}").status_code == 204


def test_an_uploaded_spec_that_is_wrong_is_thrown_away_with_every_problem(house: House) -> None:
    wrong = SPEC | {"stages": [], "surprise": 1}
    refused = upload(house, "spec", json.dumps(wrong).encode())
    assert (refused.status_code, refused.json()["code"]) == (422, "upload_invalid")
    assert {entry["pointer"] for entry in refused.json()["errors"]} >= {"/stages", "/surprise"}
    for text in (b"a: [", b"\xff\xfe", b"a: &a [*a]"):
        assert upload(house, "spec", text).status_code == 422
    announced = house.client.post("/v1/uploads", json={"kind": "spec", "name": "x", "size": 300_000})
    assert (announced.status_code, announced.json()["errors"][0]["pointer"]) == (422, "/size")


def test_a_body_names_one_spec_and_one_that_is_there(house: House) -> None:
    spec, weights = upload(house, "spec", json.dumps(SPEC).encode()).json()["id"], upload(house, "weights", WEIGHTS)
    for body in (
        {"upload": spec, "spec": SPEC},
        {"upload": "upl_none"},
        {"upload": weights.json()["id"]},
        {"upload": 3},
        {"upload": None},
    ):
        refused = house.client.post("/v1/jobs", json=body)
        assert refused.status_code == 422, refused.text
        assert [entry["pointer"] for entry in refused.json()["errors"]] == ["/upload"]
    foreign = sign(house.service, project="elsewhere")
    assert house.client.post("/v1/jobs", json={"upload": spec}, headers=foreign).status_code in {403, 422}
