"""The commands and what they say of themselves."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from stillhouse.cli.app import GROUPS, app

COMMANDS = [command.__name__ for commands in GROUPS.values() for command in commands]
PRINTING = {"submit", "watch", "ls", "get", "logs", "events", "metrics", "attempts", "artifacts", "download", "wait"}


@pytest.mark.parametrize("command", [*COMMANDS, "db"])
def test_every_command_explains_itself(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0, shown.output
    assert "Usage" in shown.output


ASKING = {"cancel", "pause", "resume", "retry", "clone", "edit", "queue", "checkpoints", "check", "doctor", "run", "up"}


@pytest.mark.parametrize("command", sorted(PRINTING | ASKING | {"upload"}))
def test_every_command_that_prints_data_can_print_json(command: str) -> None:
    assert "--json" in CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output


def test_a_command_that_is_not_there_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["sumbit"]).exit_code == 2
