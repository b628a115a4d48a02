"""What is shown of long work, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stillhouse.display import Reading, format_bytes, format_duration, one_line, open_display


def _show(console: Console, *readings: Reading) -> str:
    with open_display(console) as display:
        display.say("a line that stays")
        for reading in readings:
            display.show("job", reading)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_a_line_tells_each_change_of_state() -> None:
    console = Console(file=io.StringIO())
    running = Reading("running", 1, 4, None, {"train/loss": 0.25})
    shown = _show(console, Reading("queued"), running, running, running, Reading("succeeded", 4, 4))
    assert shown.splitlines() == [
        "a line that stays",
        "job: queued",
        "job: running  step 1/4  loss 0.25",
        "job: succeeded  step 4/4",
    ]


def test_on_a_terminal_a_bar_moves() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    shown = _show(console, Reading("running", 1, 4, 70, {"val/accuracy": "NaN"}))
    assert "1/4" in shown
    assert "1 min 10 s left" in shown
    assert "validation accuracy NaN" in shown


def test_the_loss_and_the_latest_accuracy_are_shown() -> None:
    values = {"train/loss": 0.5, "train/lr": 0.1, "val/accuracy": 0.9}
    assert Reading("running", values=values).describe() == "loss 0.5  validation accuracy 0.9"
    assert Reading("running", values=values | {"test/accuracy": 0.8}).describe() == "loss 0.5  test accuracy 0.8"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")])
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(512, "512 B"), (1_400_000, "1.4 MB"), (2_000_000_000, "2.0 GB")])
def test_sizes_read_as_people_say_them(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n\n c", "a b c"),
        ("\x1b[31mred\x07", "[31mred"),
        ("abc\u202edef\u2066", "abcdef"),
        ("👩‍🔬 שלום", "👩‍🔬 שלום"),
        ("x" * 10_000, "x" * 199 + "…"),
    ],
)
def test_a_text_from_people_is_one_harmless_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_markup_in_a_title_is_shown_as_it_is() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=160)
    with open_display(console) as display:
        display.say("[/] [bold]line")
        display.show("[/red] [bold]title", Reading("running", 1, 4))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "[/] [bold]line" in shown
    assert "[/red] [bold]title" in shown
