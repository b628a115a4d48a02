from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from distill_core.outputs.curves import save_curves
from distill_core.outputs.panels import Points

STAGES = [("teach", 0), ("distil", 8)]
HISTORY: dict[str, Points] = {
    "train/ce": [(4, 2.0), (8, 1.5), (12, 1.4), (16, 1.2)],
    "train/kd": [(12, 3.0), (16, 2.5)],
    "train/loss": [(4, 2.0), (8, 1.5), (12, 2.2), (16, 1.9)],
    "train/lr": [(4, 0.1), (8, 0.01), (12, 0.001), (16, 0.001)],
    "val/accuracy": [(8, 0.5), (16, 0.75)],
    "val/nll": [(8, 1.5), (16, float("inf"))],
    "test/accuracy": [(16, 0.7)],
}


def _read(path: Path) -> str:
    """Return a drawing, in which each text is outlines with the text in a comment."""
    return path.read_text()


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_equal_histories_give_equal_bytes(suffix: str, tmp_path: Path) -> None:
    first, second = (save_curves(tmp_path / f"{name}.{suffix}", HISTORY, STAGES) for name in ("first", "second"))
    assert first is not None
    assert second is not None
    assert first.sha256 == second.sha256
    assert first.size == first.path.stat().st_size > 1000


def test_the_drawing_names_terms_metrics_units_and_stages(tmp_path: Path) -> None:
    saved = save_curves(tmp_path / "curves.svg", HISTORY, STAGES)
    assert saved is not None
    ET.parse(saved.path)  # noqa: S314  we drew it
    text = _read(saved.path)
    words = ("training loss", "validation [%]", "validation [nats]", "learning rate", "optimizer step")
    for word in (*words, "loss (weighted sum)", "ce", "kd", "accuracy", "teach", "distil"):
        assert f"<!-- {word} -->" in text
    assert "<dc:date>" not in text


def test_a_raster_picture_is_a_png(tmp_path: Path) -> None:
    saved = save_curves(tmp_path / "curves.png", HISTORY, STAGES)
    assert saved is not None
    assert saved.path.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_history_without_curves_gives_no_picture(tmp_path: Path) -> None:
    assert save_curves(tmp_path / "curves.svg", {"test/accuracy": [(3, 0.5)]}, STAGES) is None
    assert list(tmp_path.iterdir()) == []


def test_names_of_short_stages_are_shortened_to_what_fits(tmp_path: Path) -> None:
    stages = [("a_stage_with_a_long_name", 0), ("another_one", 1), ("the_last", 200)]
    saved = save_curves(tmp_path / "curves.svg", {"train/loss": [(1, 1.0), (100, 0.5), (400, 0.2)]}, stages)
    assert saved is not None
    text = _read(saved.path)
    assert "<!-- another_one -->" in text
    assert "a_stage_with_a_long_name" not in text


def test_more_lines_than_colours_are_told_apart_by_their_dashes(tmp_path: Path) -> None:
    history: dict[str, Points] = {f"train/term{number}": [(1, 1.0), (2, 2.0)] for number in range(20)}
    saved = save_curves(tmp_path / "curves.svg", history, STAGES[:1])
    assert saved is not None
    assert "stroke-dasharray" in _read(saved.path)


def test_drawing_needs_no_display_and_leaves_no_global_state(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from distill_core.outputs.curves import save_curves\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib; matplotlib.rcParams['font.size'] = 7\n"
        "save_curves(Path(sys.argv[1]), {'train/loss': [(1, 2.0), (2, 1.0)]}, [('only', 0)])\n"
        "assert matplotlib.rcParams['font.size'] == 7; assert matplotlib.rcParams['svg.hashsalt'] is None\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, tmp_path / "curves.png"], cwd=root, env={"PATH": ""}, check=True)
    assert (tmp_path / "curves.png").exists()
