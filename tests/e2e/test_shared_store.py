"""Several hosts' stores: artifacts in S3, PostgreSQL and Redis. An uploaded data set, a student of it, its export."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest
from PIL import Image

from stillhouse.client import Client
from tests.e2e.running import digits_spec, running_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def pack_images(folder: Path) -> Path:
    """Return an archive of two classes of small images that differ in their brightness, in two splits."""
    generator = np.random.default_rng(0)
    archive = folder / "shades.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for split, count in (("train", 24), ("test", 8)):
            for label, (low, high) in {"dark": (0, 90), "light": (160, 255)}.items():
                for number in range(count):
                    path = folder / "image.png"
                    Image.fromarray(generator.integers(low, high, (8, 8, 3), dtype=np.uint8)).save(path)
                    file.write(path, f"{split}/{label}/{number}.png")
    return archive


def shades_spec(upload_id: str) -> dict[str, Any]:
    """Return a spec of seconds whose samples come from an upload."""
    document = digits_spec(epochs=20)
    normalize = {"transform": "normalize", "mean": [0.5] * 3, "std": [0.25] * 3}
    stream = {
        "dataset": "image_folder",
        "upload": upload_id,
        "params": {"num_classes": 2},
        "views": {"main": {"transforms": [{"transform": "resize", "size": 8}, normalize]}},
    }
    return document | {"data": {"train": stream | {"split": "train"}, "test": stream | {"split": "test"}}}


def test_an_uploaded_data_set_becomes_a_student_and_its_export_in_a_shared_store(
    tmp_path: Path, s3_bucket: str, postgres_database: str, redis_broker: str
) -> None:
    stores = {"DATABASE_URL": postgres_database, "BROKER_URL": redis_broker, "ARTIFACT_ROOT": s3_bucket}
    environment = {f"STILLHOUSE_{name}": address for name, address in stores.items()}
    environment["STILLHOUSE_HOME"] = str(tmp_path / "home")
    with running_up(environment) as up, Client(up.url, key=up.key) as client:
        upload = client.upload(pack_images(tmp_path), "dataset")
        job = client.wait(client.submit(shades_spec(upload.id)).id, timeout_s=150, poll_s=0.3)
        assert job.has_succeeded, job.status_message
        assert job.figures is not None
        assert job.figures["test/accuracy"] == 1.0
        student = client.download_student(job.id, tmp_path)
        assert hashlib.sha256(student.read_bytes()).hexdigest() == client.find_artifact(job.id, "student").sha256
        assert "".join(chunk.text for chunk in client.logs(job.id))
        asked = httpx.post(
            f"{up.url}/v1/jobs/{job.id}/exports",
            json={"format": "onnx"},
            headers={"authorization": f"Bearer {up.key}"},
            timeout=30,
        )
        assert asked.status_code == 201, asked.text
        export = client.wait(asked.json()["id"], timeout_s=150, poll_s=0.3)
        assert export.has_succeeded, export.status_message
        onnx = client.download(client.find_artifact(job.id, "onnx"), tmp_path)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    light = np.full((3, 3, 8, 8), (0.8 - 0.5) / 0.25, "float32")
    assert session.run(None, {"input": light})[0].argmax(1).tolist() == [1, 1, 1]
    assert not (tmp_path / "home/artifacts/sha256").exists()
