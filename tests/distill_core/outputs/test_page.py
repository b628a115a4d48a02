"""What docs/outputs.md tells people to do is done here, in the folder of a finished run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from distill_core.outputs.cost import measure_cost
from distill_core.outputs.export import FILE_NAMES
from distill_core.spec.outputs import OutputSpec
from tests.distill_core.outputs.leaving import OUTPUTS, leave
from tests.distill_core.outputs.models import make_classifier, make_images

PAGE = (Path(__file__).parents[3] / "docs/outputs.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of a run that was asked for all there is."""
    path = tmp_path_factory.mktemp("finished")
    leave(path, OUTPUTS)
    return path / "artifacts"


@pytest.mark.parametrize("code", _blocks("python"), ids=lambda code: code.splitlines()[0])
def test_every_piece_of_code_runs_beside_the_files(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    exec(code, {})  # noqa: S102  what the page tells people to run


def test_the_spec_of_the_page_is_valid_and_the_defaults_are_as_told() -> None:
    (block,) = _blocks("yaml")
    assert OutputSpec.model_validate(yaml.safe_load(block)["outputs"]).opset == 20
    default = OutputSpec()
    assert (default.exports, default.curves, default.card) == ((), ("svg",), True)


def test_every_file_and_every_option_is_on_the_page(folder: Path) -> None:
    assert [path.name for path in folder.iterdir() if f"`{path.name}`" not in PAGE] == []
    assert [name for name in FILE_NAMES.values() if f"`{name}`" not in PAGE] == []
    assert [name for name in OutputSpec.model_fields if name not in _blocks("yaml")[0]] == []


def test_every_figure_of_a_student_is_on_the_page() -> None:
    figures = measure_cost(make_classifier(), make_images())
    assert [name for name in figures if f"`{name}`" not in PAGE] == []
