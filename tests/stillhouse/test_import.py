"""The package is light, and says honestly what it has."""

from __future__ import annotations

import subprocess
import sys

import stillhouse


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = _run("import stillhouse, sys; print(sorted({'httpx', 'pydantic', 'rich', 'typer'} & set(sys.modules)))")
    assert loaded == "[]"


def test_the_client_loads_no_server_no_terminal_and_no_torch() -> None:
    names = "'torch', 'numpy', 'fastapi', 'celery', 'sqlalchemy', 'server', 'worker', 'typer'"
    assert _run(f"import stillhouse.client, sys; print(sorted({{{names}}} & set(sys.modules)))") == "[]"


def test_everything_that_is_promised_is_there() -> None:
    for name in stillhouse.__all__:
        assert getattr(stillhouse, name).__name__ == name
        assert name in dir(stillhouse)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(stillhouse, "Cliant")
