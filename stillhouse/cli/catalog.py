"""`methods`, `models`, `datasets`, `recipes`, `schema`, `validate`: what specs may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from distill_core.errors import Problem, SpecError
from distill_core.spec import ExperimentSpec
from distill_core.spec.catalog import load_catalog
from distill_core.spec.nearest import nearest_names
from stillhouse.cli.failure import WRONG_INPUT, report_problems
from stillhouse.cli.options import AsJson, Overrides, SpecPath, Url
from stillhouse.cli.output import note, say, say_json, say_table
from stillhouse.cli.spec_input import read_spec
from stillhouse.client import Client

Key = Annotated[str | None, typer.Argument(metavar="[KEY]", help="Show this one with its options.", show_default=False)]
OfServer = Annotated[bool, typer.Option("--server", help="Ask the server, instead of what is installed here.")]


def methods(key: Key = None, *, server: OfServer = False, as_json: AsJson = False, url: Url = None) -> None:
    """List the methods that a term may name."""
    _say("method", _load("methods", url, server=server), key, as_json=as_json)


def models(key: Key = None, *, server: OfServer = False, as_json: AsJson = False, url: Url = None) -> None:
    """List the models that a spec may name."""
    _say("model", _load("models", url, server=server), key, as_json=as_json)


def datasets(key: Key = None, *, server: OfServer = False, as_json: AsJson = False, url: Url = None) -> None:
    """List the data sets that a spec may name."""
    _say("data set", _load("datasets", url, server=server), key, as_json=as_json)


def recipes(key: Key = None, *, server: OfServer = False, as_json: AsJson = False, url: Url = None) -> None:
    """List the published methods whose stages a spec gets by name."""
    _say("recipe", _load("recipes", url, server=server), key, as_json=as_json)


def schema(*, server: OfServer = False, url: Url = None) -> None:
    """Print the JSON Schema of a spec, for editors."""
    if not server:
        say_json(ExperimentSpec.model_json_schema())
        return
    with Client(url) as client:
        say_json(client.schema())


def validate(spec: SpecPath, overrides: Overrides = None, as_json: AsJson = False, url: Url = None) -> None:
    """Let the server check a spec; the exit code is 2 if it has problems."""
    document = read_spec(spec, overrides)
    with Client(url) as client:
        found = client.validate(document)
    if as_json:
        say_json(found)
    elif found["valid"]:
        say("the spec is valid")
    else:
        report_problems([Problem(**{name: entry.get(name) for name in _FIELDS}) for entry in found["problems"]])
    if not found["valid"]:
        raise typer.Exit(WRONG_INPUT)


_FIELDS = ("pointer", "code", "message", "value", "allowed", "nearest")


def _load(kind: str, url: str | None, *, server: bool) -> dict[str, dict[str, Any]]:
    """Return the components of a kind, by key, as plain data."""
    if not server:
        return {key: entry.model_dump(mode="json") for key, entry in getattr(load_catalog(), kind).items()}
    with Client(url) as client:
        return {key: entry.as_document() for key, entry in getattr(client.components(), kind).items()}


def _say(what: str, entries: Mapping[str, Mapping[str, Any]], key: str | None, *, as_json: bool) -> None:
    if key is None:
        _say_all(entries, as_json=as_json)
        return
    if key not in entries:
        names = tuple(sorted(entries))
        problem = Problem("", "unknown_name", f"no {what} is called {key!r}", key, names, nearest_names(key, names))
        raise SpecError([problem])
    if as_json:
        say_json({"key": key, **entries[key]})
    else:
        _say_one(key, entries[key])


def _say_all(entries: Mapping[str, Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        say_json([{"key": key, **entry} for key, entry in entries.items()])
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("key", no_wrap=True)
    table.add_column("what it is")
    for key, entry in entries.items():
        table.add_row(key, Text(entry["summary"]))
    say_table(table)


def _say_one(key: str, entry: Mapping[str, Any]) -> None:
    say(key)
    for name in ("summary", "paper", "formula", "use"):
        if entry.get(name):
            say(f"  {name:<9}{' '.join(str(entry[name]).split())}")
    options = entry["params"].get("properties", {})
    if not options:
        note("it has no options")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("option", "default", "what it says"):
        table.add_column(column, no_wrap=column == "option")
    for name, option in options.items():
        default = str(option["default"]) if "default" in option else "required"
        table.add_row(*map(Text, (name, default, option.get("description", ""))))
    say_table(table)
