"""What the documentation shows runs as it stands, beside a real `stillhouse up`; recipes and examples are shortened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.e2e.running import Up, running_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
SHORTER = {
    r"\bteach_epochs: \d+": "teach_epochs: 1",
    r"\bepochs: \d+": "epochs: 1",
    r"(paraphraser|hint)_epochs: \d+": r"\1_epochs: 1",
}
"""What makes minutes of training seconds; all else of the files stays."""

HOWTOS = ("own-data", "multi-gpu", "several-hosts", "reproduce-a-row", "sweep")


def _blocks(page: str, language: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert blocks, f"{page} shows no {language}"
    return "".join(blocks)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running service on this machine."""
    home = tmp_path_factory.mktemp("guides")
    data = {"STILLHOUSE_HOME": str(home / "home"), "STILLHOUSE_DATA_ROOT": str(home / "data")}
    with running_up(data) as running:
        yield running


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what pages name of a checkout: recipes and examples, shortened."""
    for folder in ("distill_core/recipes", "examples"):
        (tmp_path / folder).mkdir(parents=True)
        for path in (ROOT / folder).glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            for long, short in SHORTER.items():
                text = re.sub(long, short, text)
            (tmp_path / folder / path.name).write_text(text, encoding="utf-8")
    return tmp_path


def _run(up: Up, checkout: Path, *command: str) -> str:
    """Run a command in the checkout and return what it printed."""
    environment = {
        "STILLHOUSE_URL": up.url,
        "STILLHOUSE_API_KEY": up.key,
        "STILLHOUSE_HOME": str(up.home),
        "STILLHOUSE_DATA_ROOT": str(up.home.parent / "data"),
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        command, cwd=checkout, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}\n{up.logs()}"
    return done.stdout


def _run_shell(up: Up, checkout: Path, script: str) -> str:
    return _run(up, checkout, "bash", "-euxo", "pipefail", "-c", script)


def _holds_weights(path: Path) -> bool:
    with safe_open(path, framework="pt") as file:
        return len(list(file.keys())) > 0


def test_the_readmes_curl_brings_weights(up: Up, checkout: Path) -> None:
    _run_shell(up, checkout, _blocks("README.md", "bash"))
    assert _holds_weights(checkout / "student.safetensors")


def test_the_readmes_python_brings_a_module(up: Up, checkout: Path) -> None:
    script = _blocks("README.md", "python") + "\nprint(type(student).__name__)\n"
    assert _run(up, checkout, sys.executable, "-c", script).splitlines()[-1] == "LightNN"
    assert _holds_weights(checkout / "student.safetensors")


def test_the_clients_page_runs_from_top_to_bottom(up: Up, checkout: Path) -> None:
    said = _run(up, checkout, sys.executable, "-c", _blocks("docs/client.md", "python"))
    assert "succeeded" in said
    assert "/runtime/seed 0 1" in said


def test_the_tutorial_runs_from_top_to_bottom(up: Up, checkout: Path) -> None:
    said = _run_shell(up, checkout, _blocks("docs/tutorial.md", "bash"))
    assert "/stages/1/objective" in said
    assert "LightNN(" in said


@pytest.mark.parametrize("page", HOWTOS)
def test_a_how_to_page_runs(up: Up, checkout: Path, page: str) -> None:
    _run_shell(up, checkout, _blocks(f"docs/howto/{page}.md", "bash"))


@pytest.mark.parametrize(
    ("page", "ends"),
    [
        ("own-model", "torch.Size([2, 10]) "),
        ("own-method", "Mean absolute difference between the logits of student and teacher."),
    ],
)
def test_a_component_of_ones_own_is_what_the_page_says(checkout: Path, page: str, ends: str) -> None:
    script = _blocks(f"docs/howto/{page}.md", "python")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=checkout)
    assert done.stdout.splitlines()[-1].startswith(ends)


def test_every_how_to_page_is_in_the_index_and_looked_at_here() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "howto").glob("*.md")}
    assert pages == {*HOWTOS, "own-model", "own-method"}
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [page for page in pages if f"howto/{page}.md" not in index] == []
