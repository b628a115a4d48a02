"""docs/api.md: its table is the API, and its commands run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.server.house import House

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_table_lists_every_endpoint_and_no_other(bare_client: TestClient) -> None:
    document: dict[str, Any] = bare_client.get("/openapi.json").json()
    served = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", GUIDE, re.MULTILINE)) == served


def test_the_commands_run_as_they_stand(served_house: House, tmp_path: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == 3
    secret = str(served_house.client.headers["authorization"]).removeprefix("Bearer ")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "".join(blocks[:2])],
        cwd=tmp_path,
        env=os.environ | {"STILLHOUSE_URL": str(served_house.client.base_url), "STILLHOUSE_API_KEY": secret},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    [job] = served_house.client.get("/v1/jobs").json()["data"]
    assert job["state"] == "cancelled"


def test_the_download_command_brings_the_artifact(served_house: House, tmp_path: Path) -> None:
    artifact = served_house.make_artifact(b"weights" * 1000)
    script = re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)[2]
    authorization = f"Authorization: {served_house.client.headers['authorization']}"
    environment = {"URL": str(served_house.client.base_url), "JOB": artifact["job_id"], "AUTH": authorization}
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, **environment},
        check=True,
        timeout=60,
    )
    assert (tmp_path / "student.safetensors").read_bytes() == b"weights" * 1000
