"""docs/cli.md: every command as it explains itself. `python -m stillhouse.cli.reference` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperArgument

from stillhouse.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN, END = "<!-- commands -->\n", "<!-- /commands -->\n"
NAMES = {int: "N", float: "X", Path: "PATH"}
"""What stands for a value in a usage line."""


def write_page(text: str) -> str:
    """Return the page with its commands written anew."""
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + "".join(describe_commands()) + END + rest.partition(END)[2]


def describe_commands() -> Iterator[str]:
    """Yield the section of each command, by the groups of `stillhouse --help`."""
    root = typer.main.get_group(app)
    panel = None
    for name, command in root.commands.items():
        here = getattr(command, "rich_help_panel", None)
        if here != panel:
            panel = here
            yield f"\n## {panel}\n"
        yield from _describe(("stillhouse", name), command)


def _describe(path: tuple[str, ...], command: Any) -> Iterator[str]:
    params = [param for param in command.params if not param.hidden and param.name != "help"]
    arguments = "".join(f" {_name_argument(param)}" for param in params if isinstance(param, TyperArgument))
    yield f"\n### `{' '.join(path)}{arguments}`\n\n{_plain(command.help or '')}\n"
    if params:
        yield "\n| option | what it says |\n| --- | --- |\n"
        yield from (f"| {_show(param)} | {_describe_param(param)} |\n" for param in params)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _describe((*path, name), inner)


def _name_argument(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _show(param: Any) -> str:
    if isinstance(param, TyperArgument):
        return f"`{_name_argument(param)}`"
    names = " ".join((*param.opts, *param.secondary_opts))
    return f"`{names}`" if param.is_flag else f"`{names} {param.metavar or _name_type(param)}`"


def _name_type(param: Any) -> str:
    kind = param.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(choice.value) for choice in kind)
    return NAMES.get(kind, "TEXT")


def _describe_param(param: Any) -> str:
    words = _plain(param.help or "").replace("|", "\\|")
    return f"{words} Or `{param.envvar}`." if param.envvar else words


def _plain(text: str) -> str:
    """Return a help text as one paragraph a blank line."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


if __name__ == "__main__":
    PAGE.write_text(write_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
