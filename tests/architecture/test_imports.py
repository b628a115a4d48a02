"""What a fresh interpreter loads when it starts a part of the service."""

from __future__ import annotations

import logging
import subprocess
import sys
import time

import pytest

from tests.architecture.tree import ROOT

HEAVY = {"torch", "torchvision", "numpy", "sklearn", "safetensors", "torchmetrics"}
SERVICE = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "celery", "kombu", "redis", "psycopg", "obstore"}


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint('\\n'.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    logging.getLogger(__name__).info("%s: %.2f s with the interpreter", statement, time.perf_counter() - start)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "evidence"),
    [
        ("from server.app import create_app; create_app()", "fastapi"),
        ("import worker.main", "celery"),
        ("import stillhouse.cli.app", "typer"),
        ("import distill_core.spec.check", "pydantic"),
        ("import distill_core.errors", "dataclasses"),
    ],
)
def test_it_starts_without_torch_or_numpy(statement: str, evidence: str) -> None:
    loaded = loaded_by(statement)
    assert evidence in loaded
    assert loaded & HEAVY == set()


def test_the_package_that_users_import_is_light() -> None:
    loaded = loaded_by("import stillhouse")
    assert "stillhouse" in loaded
    assert loaded & (HEAVY | SERVICE) == set()
    assert len(loaded) < 250


def test_the_engine_starts_without_the_service() -> None:
    loaded = loaded_by("import distill_core.cli, distill_core.engine.run")
    assert "torch" in loaded
    assert loaded & SERVICE == set()
