"""docs/cli.md holds every command as it is."""

from __future__ import annotations

import re

import typer.main

from stillhouse.cli.app import app
from stillhouse.cli.failure import FAILED, NOT_WHOLE, UNREACHABLE, WRONG_INPUT
from stillhouse.cli.reference import PAGE, write_page
from stillhouse.local_run import STOPPED_EXIT

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_fresh() -> None:
    assert write_page(TEXT) == TEXT, "python -m stillhouse.cli.reference writes it anew"


def test_every_command_has_its_section() -> None:
    for name, command in typer.main.get_group(app).commands.items():
        assert f"### `stillhouse {name}" in TEXT
        for inner in getattr(command, "commands", {}):
            assert f"### `stillhouse {name} {inner}" in TEXT


def test_every_exit_code_is_told() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert told == {0, FAILED, WRONG_INPUT, UNREACHABLE, NOT_WHOLE, STOPPED_EXIT}
