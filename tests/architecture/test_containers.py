"""The container files say what they should, and the steps of the server's image work.

Docker's engine is not needed: the file is parsed (and read by docker's own client where it has compose), and the
commands of the image are run in a clean environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.settings import Settings
from tests.architecture.tree import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def has_compose() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="docker's client has no compose here: the file is parsed instead, below")
def test_docker_reads_the_compose_file() -> None:
    secrets = {"POSTGRES_PASSWORD": "x", "REDIS_PASSWORD": "x"}
    run = subprocess.run(
        ["docker", "compose", "config", "--quiet"],
        cwd=ROOT,
        env={**os.environ, **secrets},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_the_production_set_is_whole() -> None:
    assert set(SERVICES) == {"postgres", "redis", "migrate", "server", "worker"}
    assert SERVICES["migrate"]["command"] == ["db", "upgrade"]
    for name in ("server", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert SERVICES[name]["init"] is True
        assert "artifacts:/artifacts" in SERVICES[name]["volumes"]


def test_a_worker_is_given_longer_to_stop_than_its_engine() -> None:
    grace = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace >= Settings.model_fields["grace_s"].default + 30


def test_every_secret_has_to_be_set() -> None:
    references = re.findall(
        r"\$\{(\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*)([^}]*)\}", (ROOT / "docker-compose.yml").read_text()
    )
    assert {name for name, _ in references} == {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert [name for name, rest in references if not rest.startswith(":?")] == []


def test_every_variable_is_a_setting() -> None:
    known = {f"STILLHOUSE_{name.upper()}" for name in Settings.model_fields}
    given = {name for service in SERVICES.values() for name in service["environment"] if name.startswith("STILLHOUSE_")}
    assert given
    assert given | set(re.findall(r"STILLHOUSE_\w+", DOCKERFILE)) <= known


def test_every_target_that_compose_builds_is_in_the_dockerfile() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} <= stages


def test_images_run_as_an_ordinary_user() -> None:
    runtime = DOCKERFILE.split(" AS runtime\n")[1]
    assert re.findall(r"^USER (\S+)$", runtime, re.MULTILINE) == ["8470:8470"]


def test_the_servers_image_holds_a_server_and_no_torch(tmp_path: Path) -> None:
    uv = ROOT / ".cache/bootstrap/bin/uv"
    assert uv.exists(), "make install makes it"
    source, environment = tmp_path / "source", tmp_path / "environment"
    _copy_build_context(source)
    _step(
        [uv, "build", "--wheel", "--build-constraints", "build.lock", "--require-hashes", "--out-dir", tmp_path], source
    )
    (wheel,) = tmp_path.glob("*.whl")
    _step([uv, "venv", "--python", sys.executable, environment], source)
    install: list[str | Path] = [uv, "pip", "install", "--python", environment, "--constraints", "requirements.lock"]
    _step([*install, f"{wheel}[server]"], source)
    python = environment / "bin/python"
    _step([python, "-P", "-c", "from server.app import create_app; create_app()"], tmp_path)
    _step([environment / "bin/stillhouse", "db", "upgrade"], tmp_path, STILLHOUSE_HOME=str(tmp_path / "home"))
    dashboard = "import server, pathlib; assert (pathlib.Path(server.__file__).parent / 'static/index.html').is_file()"
    _step([python, "-P", "-c", dashboard], tmp_path)
    found = _step(
        [python, "-P", "-c", "import importlib.util as i; print(i.find_spec('torch'), i.find_spec('numpy'))"], tmp_path
    )
    assert found.split() == ["None", "None"]


def _copy_build_context(target: Path) -> None:
    """Copy what .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for name in (line[1:] for line in lines if line.startswith("!")):
        path = ROOT / name
        ignored = shutil.ignore_patterns("node_modules", "static", "dist", "__pycache__")
        if path.is_dir():
            shutil.copytree(path, target / name, ignore=ignored)
        else:
            target.mkdir(exist_ok=True)
            shutil.copy(path, target / name)


def _step(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STILLHOUSE_", "PYTHON", "COV"))}
    run = subprocess.run(command, cwd=folder, env={**kept, **environment}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"
    return run.stdout
